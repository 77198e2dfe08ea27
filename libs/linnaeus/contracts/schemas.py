"""The schema of every table, declared once, a comment on every column (a test checks that none lacks one)."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from linnaeus.contracts import columns as c

TEXT = StringType()
TEXTS = ArrayType(StringType())
FLOATS = ArrayType(FloatType())
INTEGERS = ArrayType(IntegerType())
REASONS = MapType(StringType(), ArrayType(StringType()))
SHARES = MapType(StringType(), FloatType())
CONFUSION = ArrayType(
    StructType(
        [
            StructField("truth", StringType(), True, {"comment": "The label that counts as true"}),
            StructField(c.LABEL, StringType(), True, {"comment": "The answer"}),
            StructField(c.N, LongType(), True, {"comment": "How many times"}),
        ]
    )
)


def _column(name: str, kind: DataType, comment: str, required: bool = False) -> StructField:
    """A column; `required` is checked by the lake at write, the stored type stays nullable so that no reader breaks."""
    return StructField(name, kind, nullable=True, metadata={"comment": comment, "required": required})


CONTENT = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The platform's id of the content", required=True),
        _column(c.CREATOR_ID, TEXT, "The id of the creator who published it", required=True),
        _column(c.KIND, TEXT, "text, image, audio or video", required=True),
        _column(c.TITLE, TEXT, "The title as supplied, or null"),
        _column(c.BODY, TEXT, "The text as supplied, or null where the kind is not text"),
        _column(c.URI, TEXT, "Where the media file lies, or null"),
        _column(c.PUBLISHED_AT, TimestampType(), "When it was published, UTC"),
        _column(c.CONTENT_HASH, TEXT, "SHA-256 (hex) of title and body: equal for equal texts", required=True),
        _column(c.INGESTED_AT, TimestampType(), "When this row was last written, UTC", required=True),
        _column(c.VIEWS, LongType(), "How many people saw it, as supplied; null where that is not known"),
    ]
)

CREATORS = StructType(
    [
        _column(c.CREATOR_ID, TEXT, "The platform's id of the creator", required=True),
        _column(c.NAME, TEXT, "The name shown, or null"),
        _column(c.ABOUT, TEXT, "What the creator says of their page, or null"),
        _column(c.CREATED_AT, TimestampType(), "When the page was created, UTC"),
        _column(c.INGESTED_AT, TimestampType(), "When this row was last written, UTC", required=True),
    ]
)

VOTES = StructType(
    [
        _column(c.ITEM_ID, TEXT, "The content (or creator) that was judged", required=True),
        _column(c.FACET, TEXT, "What was asked: category, or risk.<area>", required=True),
        _column(c.ANNOTATOR_ID, TEXT, "Who judged", required=True),
        _column(c.LABEL, TEXT, "The answer: a node id; yes, no, or a grade of severity from 1 to 5", required=True),
        _column(c.VOTED_AT, TimestampType(), "When, UTC; null where the source does not say"),
        _column(c.INGESTED_AT, TimestampType(), "When this row was last written, UTC", required=True),
    ]
)

GOLD_LABELS = StructType(
    [
        _column(c.ITEM_ID, TEXT, "The content (or creator) that was judged", required=True),
        _column(c.FACET, TEXT, "What was asked: category, or risk.<area>", required=True),
        _column(
            c.LABEL, TEXT, "The answer that counts as true: a node id; yes, no, or a grade of severity", required=True
        ),
        _column(c.INGESTED_AT, TimestampType(), "When this row was last written, UTC", required=True),
    ]
)

QUARANTINE = StructType(
    [
        _column(c.RECORD_ID, TEXT, "SHA-256 (hex) of the source's name and the raw record", required=True),
        _column(c.SOURCE, TEXT, "content, creators, votes or gold_labels", required=True),
        _column(c.RAW, TEXT, "The record as it came; bytes that are no UTF-8 are shown as U+FFFD"),
        _column(c.RAW_BYTES, BinaryType(), "The record's very bytes, only where raw can't hold them"),
        _column(c.ERRORS, TEXTS, "Codes of all that is wrong with it, sorted", required=True),
        _column(
            c.OCCURRENCES, LongType(), "How many times this very record came in the run that found it", required=True
        ),
        _column(c.INGESTED_AT, TimestampType(), "When it was set aside, UTC", required=True),
        _column(c.DETAIL, TEXT, "What the failing component said; null where the codes say all"),
    ]
)

STATISTICS = StructType(
    [
        StructField("n_characters", FloatType(), True, {"comment": "Characters, natural logarithm of 1 + n"}),
        StructField("n_words", FloatType(), True, {"comment": "Words by white space, natural logarithm of 1 + n"}),
        StructField("word_length", FloatType(), True, {"comment": "Mean characters a word"}),
        StructField("type_token_ratio", FloatType(), True, {"comment": "Distinct words over words, lower case"}),
        StructField("capital_share", FloatType(), True, {"comment": "Capital letters over characters"}),
        StructField("digit_share", FloatType(), True, {"comment": "Digits over characters"}),
        StructField("punctuation_share", FloatType(), True, {"comment": "Punctuation and symbols over characters"}),
        StructField("n_links", FloatType(), True, {"comment": "Links, natural logarithm of 1 + n"}),
        StructField("longest_number", FloatType(), True, {"comment": "Digits of the longest number, 20 at most"}),
        StructField("repeated_share", FloatType(), True, {"comment": "Characters in runs of three or more, share"}),
        StructField("emoji_share", FloatType(), True, {"comment": "Emoji over characters"}),
        StructField("currency_share", FloatType(), True, {"comment": "Currency signs over characters"}),
    ]
)

TOKENS = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The platform's id of the content", required=True),
        _column(c.CONTENT_HASH, TEXT, "Of the text that was tokenised", required=True),
        _column(c.TOKENIZER, TEXT, "Fingerprint of the settings that made the tokens", required=True),
        _column(c.LANGUAGE, TEXT, "ISO 639-1 code of the language, und where it can't be told"),
        _column(
            c.TOKENS, TEXTS, "Normalised tokens without stop words, in order; then n-grams, if asked", required=True
        ),
        _column(c.N_TOKENS, IntegerType(), "How many tokens", required=True),
        _column(c.STATISTICS, STATISTICS, "Signals of form and quality, over the text without its HTML", required=True),
        _column(c.N_SENTENCES, IntegerType(), "How many sentences; null where they are not detected"),
    ]
)

EMBEDDINGS = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The platform's id of the content", required=True),
        _column(c.CONTENT_HASH, TEXT, "Of the text that was embedded", required=True),
        _column(c.EMBEDDER, TEXT, "The embedder's name, the hash of its files and that of the recipe", required=True),
        _column(c.EMBEDDING, FLOATS, "The vector, of Euclidean norm 1", required=True),
        _column(c.SIGNATURE, INTEGERS, "MinHash of the text; null where it has no word"),
    ]
)

TEXT_EMBEDDINGS = StructType(
    [
        _column(c.CONTENT_HASH, TEXT, "Of the text that was embedded", required=True),
        _column(c.EMBEDDER, TEXT, "The embedder's name, the hash of its files and that of the recipe", required=True),
        _column(c.VECTOR, BinaryType(), "The vector, of Euclidean norm 1, as little-endian float32", required=True),
        _column(c.SIGNATURE, INTEGERS, "MinHash of the text; null where it has no word"),
        _column(c.N_TOKENS, IntegerType(), "Tokens of all its windows"),
    ]
)

LABELS = StructType(
    [
        _column(c.ITEM_ID, TEXT, "The content (or creator) that was judged", required=True),
        _column(c.FACET, TEXT, "What was asked: category, or risk.<area>", required=True),
        _column(c.LABEL, TEXT, "The label to train on", required=True),
        _column(c.PROBABILITY, DoubleType(), "How sure it is, 0 to 1", required=True),
        _column(c.N_VOTES, LongType(), "How many votes stand behind it", required=True),
        _column(c.SOURCE, TEXT, "gold or crowd", required=True),
        _column(c.ENTROPY, DoubleType(), "Entropy of its votes' shares, bits; null where there are no votes"),
        _column(c.UNCERTAINTY, DoubleType(), "Entropy of the labels' probabilities, bits; 0 for a gold label"),
        _column(c.POSTERIOR, SHARES, "Probabilities of labels by their votes, from 0.01 on; null for a gold label"),
    ]
)

ANNOTATORS = StructType(
    [
        _column(c.ANNOTATOR_ID, TEXT, "Who judged", required=True),
        _column(c.FACET, TEXT, "What was asked", required=True),
        _column(c.ACCURACY, DoubleType(), "Share of this annotator's votes that agree with the labels", required=True),
        _column(c.N_VOTES, LongType(), "How many votes it is measured on", required=True),
        _column(c.ACCURACY_LOWER, DoubleType(), "Lower end of the accuracy's 95% interval (Wilson)"),
        _column(c.ACCURACY_UPPER, DoubleType(), "Upper end of the accuracy's 95% interval (Wilson)"),
        _column(c.KAPPA, DoubleType(), "Mean Cohen's kappa with others, by items shared; null where none are enough"),
        _column(c.N_SHARED, LongType(), "Items shared in those pairs, each pair's counted"),
        _column(c.SPAMMER_SCORE, DoubleType(), "0: answers do not depend on the label, 1: always right; may be null"),
        _column(c.SECONDS_A_VOTE, DoubleType(), "Median seconds from a vote to the next; null without times"),
        _column(c.CONFUSION, CONFUSION, "How often which answer was given where which label is true"),
    ]
)

LABEL_ISSUES = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The content whose label is in doubt", required=True),
        _column(c.FACET, TEXT, "What was asked: category, or risk.<area>", required=True),
        _column(c.RANK, LongType(), "Its place in the facet, 1 for what is most in doubt", required=True),
        _column(c.LABEL, TEXT, "The label that stands", required=True),
        _column(c.SUGGESTED, TEXT, "What a model that did not see it says", required=True),
        _column(c.MARGIN, DoubleType(), "Out-of-fold probability of the label less that of the suggestion"),
        _column(c.SOURCE, TEXT, "Where the label is from: gold or crowd", required=True),
        _column(c.REASON, TEXT, "Why it is in doubt, in words", required=True),
        _column(c.FOUND_AT, TimestampType(), "When this row was last written, UTC", required=True),
    ]
)

REVIEW_QUEUE = StructType(
    [
        _column(c.ITEM_ID, TEXT, "The content to be judged", required=True),
        _column(c.FACET, TEXT, "What to ask: category, or risk.<area>", required=True),
        _column(c.RANK, LongType(), "Its place in the queue, from 1", required=True),
        _column(c.PRIORITY, DoubleType(), "Expected gain of one more label: doubt times weight of its reach"),
        _column(c.REASON, TEXT, "Where the doubt comes from, in words", required=True),
        _column(c.CREATOR_ID, TEXT, "The creator who published it", required=True),
        _column(c.CATEGORY, TEXT, "The category that counts for the spread; null where none is known"),
        _column(c.UNCERTAINTY, DoubleType(), "How far the answer is in doubt, 0 to 1 (1 where nothing is known)"),
        _column(c.REACH, LongType(), "Views; null where they are not known"),
        _column(c.N_VOTES, LongType(), "Votes on it until now", required=True),
        _column(c.TEXT, TEXT, "Title and body to be shown, cut to a configured length", required=True),
        _column(c.QUEUED_AT, TimestampType(), "When this row was last written, UTC", required=True),
    ]
)

CONTENT_PROFILES = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The platform's id of the content", required=True),
        _column(c.CREATOR_ID, TEXT, "The id of the creator who published it", required=True),
        _column(c.CATEGORY, TEXT, "The most probable node; null only where no category model is in force"),
        _column(c.CATEGORY_PATH, TEXTS, "Node ids from the root to that node"),
        _column(c.CATEGORY_PROBABILITY, FloatType(), "The probability of that node, 0 to 1"),
        _column(c.CATEGORY_ACCEPTED, TEXT, "The deepest node on the path that passes its threshold, or null"),
        _column(c.RISK, SHARES, "Calibrated probability by risk area, 0 to 1"),
        _column(c.RISK_LEVEL, MapType(StringType(), StringType()), "low, medium or high by risk area"),
        _column(c.CATEGORY_MODEL, TEXT, "Registered name and version of the category model"),
        _column(c.RISK_MODEL, TEXT, "Registered name and version of the risk model"),
        _column(c.TAXONOMY_VERSION, TEXT, "Fingerprint of the taxonomy and thresholds in force", required=True),
        _column(c.FEATURE_MANIFEST, TEXT, "Fingerprint of what the scored features were; null in rows of before it"),
        _column(c.EMBEDDER, TEXT, "The embedder whose vector was scored; null where there was no text"),
        _column(c.CONTENT_HASH, TEXT, "Of the text that was scored", required=True),
        _column(c.SCORED_AT, TimestampType(), "When this row was last written, UTC", required=True),
        _column(
            c.RISK_REASONS, REASONS, "By risk area, the rules that fired and may have raised its level; null for none"
        ),
        _column(
            c.CATEGORY_PROBABILITIES,
            SHARES,
            "Probability by node the model tells apart, small ones left out; null in rows of before it",
        ),
    ]
)

CREATOR_PROFILES = StructType(
    [
        _column(c.CREATOR_ID, TEXT, "The platform's id of the creator", required=True),
        _column(c.CATEGORY, TEXT, "The node with the largest share; null where there is no scored content"),
        _column(
            c.CATEGORY_SHARES,
            SHARES,
            "Share of the creator's content by node, weighted by recency and reach, summing to 1",
        ),
        _column(c.RISK, SHARES, "Mean calibrated probability by risk area"),
        _column(c.N_CONTENT, LongType(), "How many contents stand behind it", required=True),
        _column(c.AS_OF, TimestampType(), "When this row was last written, UTC", required=True),
        _column(c.CATEGORY_LOWER, SHARES, "Lower end of each share's interval (Wilson, by n_effective)"),
        _column(c.CATEGORY_UPPER, SHARES, "Upper end of each share's interval (Wilson, by n_effective)"),
        _column(c.CATEGORY_UNALLOCATED, FloatType(), "Share of the content's probability that no stored node has"),
        _column(
            c.N_EFFECTIVE, FloatType(), "As many contents with a category, all of one weight, would tell as much (Kish)"
        ),
        _column(
            c.CATEGORY_ACCEPTED,
            TEXT,
            "The deepest node from the root to category of which the share is sure to be large enough; null for none",
        ),
        _column(
            c.ABSTAINED,
            TEXT,
            "Why no node is accepted: no_scored_content, few_contents or no_node_large_enough; null where one is",
        ),
        _column(c.MODALITY, TEXT, "What they mostly make: writing, podcast, video, music or art; null for nothing"),
        _column(c.MODALITY_SHARES, SHARES, "Share of the content by modality, weighted likewise, summing to 1"),
        _column(c.RISK_RATE, SHARES, "Rate of contents in a risk area, of recent ones more, shrunken to the others'"),
        _column(c.RISK_CHANCE, SHARES, "Chance that at least k of the next n posts are in a risk area"),
        _column(c.RISK_AREAS, TEXTS, "Risk areas of which that chance is large enough to be flagged, sorted"),
        _column(c.MODELS, TEXTS, "Models that scored the contents, sorted"),
        _column(c.TAXONOMY_VERSIONS, TEXTS, "Taxonomies and thresholds that they were scored by, sorted"),
        _column(c.CONTENTS_DIGEST, LongType(), "Digest of the scored contents' ids and texts; null for none"),
        _column(c.FORM_DIGEST, LongType(), "Digest of their kinds, dates and views; null for none"),
        _column(c.SETTINGS, TEXT, "Fingerprint of the settings and the tree it was rolled up by"),
    ]
)

CREATOR_PROFILE_HISTORY = StructType(
    [
        _column(c.CREATOR_ID, TEXT, "The platform's id of the creator", required=True),
        _column(c.REVISION, LongType(), "1 for the creator's first row, one more for each that follows", required=True),
        _column(c.VALID_FROM, TimestampType(), "When the creator became so, as a run found it, UTC", required=True),
        _column(c.VALID_TO, TimestampType(), "When the next row began, UTC; null while it has not"),
        _column(c.IS_CURRENT, BooleanType(), "Whether the creator is so still", required=True),
        _column(c.CHANGES, TEXTS, "What changed since the row before, in words; of a first row none", required=True),
        _column(
            c.REASONS,
            TEXTS,
            "Why: first_profile, contents_changed, rescored, taxonomy_changed, dates_or_reach_changed, settings_changed"
            " or other_creators_changed",
            required=True,
        ),
        _column(c.CATEGORY, TEXT, "The node with the largest share then"),
        _column(c.CATEGORY_ACCEPTED, TEXT, "The node that was accepted then, or null"),
        _column(c.ABSTAINED, TEXT, "Why none was accepted then, or null"),
        _column(c.MODALITY, TEXT, "What they mostly made then"),
        _column(c.RISK_AREAS, TEXTS, "Risk areas that were flagged then, sorted"),
        _column(c.CATEGORY_SHARES, SHARES, "Shares by node when the row began"),
        _column(c.MODALITY_SHARES, SHARES, "Shares by modality when the row began"),
        _column(c.RISK_RATE, SHARES, "Rates by risk area when the row began"),
        _column(c.RISK_CHANCE, SHARES, "Chances of k of the next n posts by risk area when the row began"),
        _column(c.N_CONTENT, LongType(), "How many contents stood behind it when the row began", required=True),
        _column(c.N_EFFECTIVE, FloatType(), "How many contents of equal weight told as much when the row began"),
        _column(c.MODELS, TEXTS, "Models that had scored the contents when the row began, sorted"),
        _column(c.TAXONOMY_VERSIONS, TEXTS, "Taxonomies and thresholds in force when the row began, sorted"),
    ]
)

TAXONOMY_NODES = StructType(
    [
        _column(c.NODE_ID, TEXT, "The node's id, which it keeps for as long as it lives on", required=True),
        _column(c.VERSION, LongType(), "The version of the taxonomy that this row is of", required=True),
        _column(c.PARENT_ID, TEXT, "The node above it; null for a root"),
        _column(c.NAME, TEXT, "What people call it", required=True),
        _column(c.LEVEL, IntegerType(), "Its tier: 1 for a root, 4 at most", required=True),
        _column(
            c.KEYWORDS,
            TEXTS,
            "Its terms by class-based TF-IDF, the weightiest first, without boilerplate; last those of its name alone",
        ),
        _column(c.SIZE, LongType(), "Contents placed at it or below it", required=True),
        _column(c.DESCRIPTION, TEXT, "What a person says that it is; null where nobody has"),
        _column(c.ORIGIN, TEXT, "curated (a person decides of it) or discovered", required=True),
        _column(c.CREATOR_SHARE, FloatType(), "Share of all placed creators who have content at it or below it"),
        _column(c.CENTROID, FLOATS, "Direction of the contents at it or below it, of norm 1; null where none is known"),
    ]
)

TAXONOMY_VERSIONS = StructType(
    [
        _column(c.VERSION, LongType(), "1 for the first; the greatest one is in force", required=True),
        _column(c.MADE_BY, TEXT, "discovery, curation, take_back or import", required=True),
        _column(c.MADE_AT, TimestampType(), "When, UTC", required=True),
        _column("restores", LongType(), "The version whose tree it takes up again; null but for take_back"),
        _column(c.EMBEDDER, TEXT, "The embedder whose vectors its centroids are of; null where it has none"),
        _column(
            "inputs", TEXT, "Fingerprint of what it was made from: a run on the same makes no other", required=True
        ),
        _column("settings", TEXT, "The settings it was made by, as JSON", required=True),
        _column("note", TEXT, "Who wanted it and why, in words; null where nobody said"),
    ]
)

TAXONOMY_CHANGES = StructType(
    [
        _column(c.CHANGE_ID, TEXT, "SHA-256 (hex) of version, kind and ids", required=True),
        _column(c.VERSION, LongType(), "The version that brought it", required=True),
        _column(c.KIND, TEXT, "birth, death, split, merge, rename or move", required=True),
        _column(c.FROM_IDS, TEXTS, "Ids of the version before, sorted; none for a birth", required=True),
        _column(c.TO_IDS, TEXTS, "Ids of this version, sorted; none for a death", required=True),
        _column(c.DETAIL, TEXT, "The same in words"),
        _column(c.CHANGED_AT, TimestampType(), "When, UTC", required=True),
    ]
)

TOPIC_ASSIGNMENTS = StructType(
    [
        _column(c.CONTENT_ID, TEXT, "The platform's id of the content", required=True),
        _column(c.NODE_ID, TEXT, "The node it is placed at; null where it is unplaced: far from all"),
        _column(c.PROBABILITY, FloatType(), "Of that node, or of the likeliest where it is unplaced, 0 to 1"),
        _column(c.VERSION, LongType(), "The version of the taxonomy it is placed in", required=True),
        _column(c.PROBABILITIES, SHARES, "Probability by node of the likeliest ones (soft assignment)"),
        _column(c.SIMILARITY, FloatType(), "Cosine of its vector to the node's centroid; null for tokens' topics"),
        _column(c.REASON, TEXT, "topic, curated (joined a person's node) or unplaced", required=True),
    ]
)

TOPIC_REPRESENTATIVES = StructType(
    [
        _column(c.NODE_ID, TEXT, "The node", required=True),
        _column(c.VERSION, LongType(), "The version of the taxonomy", required=True),
        _column(c.CONTENT_ID, TEXT, "A content that shows what the node is about", required=True),
        _column(c.RANK, LongType(), "Its place, 1 for the nearest to the node's centroid", required=True),
        _column(c.SIMILARITY, FloatType(), "Cosine of its vector to that centroid; null for tokens' topics"),
    ]
)

TOPIC_SHARES_BY_WEEK = StructType(
    [
        _column(c.WEEK, TimestampType(), "The Monday, 00:00 UTC, with which the week begins", required=True),
        _column(c.NODE_ID, TEXT, "A node at which, or below which, contents of the week are", required=True),
        _column(c.VERSION, LongType(), "The version of the taxonomy", required=True),
        _column(c.N, LongType(), "Contents published in the week, at the node or below it", required=True),
        _column(c.SHARE, FloatType(), "Of all placed contents of that week", required=True),
    ]
)

TOPIC_SHARES_BY_CREATOR = StructType(
    [
        _column(c.CREATOR_ID, TEXT, "The creator", required=True),
        _column(c.NODE_ID, TEXT, "A node at which, or below which, they have content", required=True),
        _column(c.VERSION, LongType(), "The version of the taxonomy", required=True),
        _column(c.N, LongType(), "Their contents at the node or below it", required=True),
        _column(c.SHARE, FloatType(), "Of all their placed contents", required=True),
    ]
)

MODEL_EVALUATIONS = StructType(
    [
        _column(c.MODEL, TEXT, "Registered name of the model", required=True),
        _column(c.VERSION, TEXT, "Its version in the registry", required=True),
        _column(c.FACET, TEXT, "category, or risk.<area>", required=True),
        _column(c.SLICE, TEXT, "overall, or which part of the held-out contents", required=True),
        _column(c.METRIC, TEXT, "macro_f1, accuracy, pr_auc, …", required=True),
        _column(c.VALUE, DoubleType(), "The metric's value", required=True),
        _column(c.LOWER, DoubleType(), "Lower end of the 95% interval (bootstrap over creators)"),
        _column(c.UPPER, DoubleType(), "Upper end of the 95% interval (bootstrap over creators)"),
        _column(c.N, LongType(), "Held-out contents it was measured on", required=True),
    ]
)

PROMOTIONS = StructType(
    [
        _column("decision_id", TEXT, "SHA-256 (hex) of what was compared", required=True),
        _column(c.MODEL, TEXT, "Registered name of the model", required=True),
        _column("candidate", TEXT, "Version that asked to be promoted", required=True),
        _column("champion", TEXT, "Version in force at the time, null where there was none"),
        _column("promoted", TEXT, "yes or no", required=True),
        _column("reason", TEXT, "Why, in words", required=True),
        _column("candidate_metric", DoubleType(), "The candidate's figure on the held-out contents"),
        _column("champion_metric", DoubleType(), "The champion's figure on the same contents"),
        _column(c.METRIC, TEXT, "Which figure was compared", required=True),
        _column(c.N, LongType(), "Held-out contents compared on", required=True),
        _column("decided_at", TimestampType(), "When, UTC", required=True),
    ]
)

JOB_RUNS = StructType(
    [
        _column("run_id", TEXT, "Unique id of the run", required=True),
        _column("job", TEXT, "Name of the job", required=True),
        _column("started_at", TimestampType(), "When it started, UTC", required=True),
        _column("seconds", DoubleType(), "How long it took", required=True),
        _column("rows_read", LongType(), "Records or rows read from its input", required=True),
        _column("rows_written", LongType(), "Rows inserted or changed in its tables", required=True),
        _column("rows_quarantined", LongType(), "Records set aside with codes", required=True),
        _column("table_versions", MapType(StringType(), LongType()), "Delta version of each table written"),
        _column("details", MapType(StringType(), StringType()), "What else the job says of its run"),
        _column(
            "state",
            MapType(StringType(), StringType()),
            "States of all that the job reads and leaves; a run that meets the same has nothing to do; null: not known",
        ),
    ]
)

SOURCE_FILES = StructType(
    [
        _column(c.SOURCE, TEXT, "content, creators, votes or gold_labels", required=True),
        _column(c.FILE, TEXT, "SHA-256 (hex) of its path, as a name may tell of a creator", required=True),
        _column(c.SHA256, TEXT, "SHA-256 (hex) of its bytes; of a Delta table, of its newest commit", required=True),
        _column(c.SIZE, LongType(), "Its size in bytes", required=True),
        _column("modified_at", TimestampType(), "When it was last changed, by its file system, UTC", required=True),
        _column(c.INGESTED_AT, TimestampType(), "When its rows went in, UTC", required=True),
    ]
)

LEDGER = StructType(
    [
        _column("application", TEXT, "Whose batch it is: run.application, or the job's name", required=True),
        _column("batch", TEXT, "The batch: run.batch", required=True),
        _column("table_name", TEXT, "The table that is written", required=True),
        _column("status", TEXT, "started; finished; overtaken, where another run wrote first what it had left", True),
        _column("inputs", MapType(TEXT, TEXT), "What it reads: Delta versions by table, models, settings", True),
        _column("inputs_hash", TEXT, "SHA-256 (hex) of inputs: a run of the same batch has the same", required=True),
        _column("version_before", LongType(), "The table's Delta version when it began; null where there was no table"),
        _column("run_id", TEXT, "The run that began it, as in ops.job_runs and in the table's history", required=True),
        _column("rows", LongType(), "Rows written; null until finished, and where a run that was killed wrote them"),
        _column("started_at", TimestampType(), "When it began, UTC", required=True),
        _column("finished_at", TimestampType(), "When it ended, UTC; null until then"),
    ]
)

ERASURES = StructType(
    [
        _column("erasure_id", TEXT, "Unique id of the erasure", required=True),
        _column("creator_hash", TEXT, "The creator's id_hash in ops.erased_ids: no id, and no way back", required=True),
        _column("status", TEXT, "started; done; left, where something was still found", required=True),
        _column("started_at", TimestampType(), "When it began, UTC", required=True),
        _column("finished_at", TimestampType(), "When it ended, UTC; null until then"),
        _column("rows", MapType(StringType(), LongType()), "Rows of the creator by table, as they were found"),
        _column("files", TEXTS, "Files beside the tables from which something was taken out"),
        _column("retention_hours", DoubleType(), "Of the VACUUM that followed", required=True),
    ]
)

ERASED_IDS = StructType(
    [
        _column(c.ID_HASH, TEXT, "SHA-256 (hex) of salt, secret, kind and id", required=True),
        _column(c.KIND, TEXT, "creator, item (a content, or a creator that is judged) or text", required=True),
        _column("creator_hash", TEXT, "The id_hash of the creator that it went with", required=True),
        _column("salt", TEXT, "Random, the same for the whole table", required=True),
        _column("secret_mark", TEXT, "Tells whether the secret in force is the one hashed with", required=True),
        _column("erased_at", TimestampType(), "When the erasure of it began, UTC", required=True),
    ]
)
