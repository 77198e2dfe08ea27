"""The package: what is installed where. Exact versions of everything are in conf/constraints.txt.

A cluster brings Spark and Delta itself, so they are not among the plain requirements; a laptop asks for
`linnaeus[local]` (`make setup`, `make sample`), whoever runs the tests for `linnaeus[local,test]` (`make test`).
"""

from setuptools import find_packages, setup

JOBS = [
    "ingest_bronze",
    "build_tokens",
    "build_embeddings",
    "aggregate_labels",
    "find_label_issues",
    "train_category",
    "train_risk",
    "search_parameters",
    "promote_model",
    "approve_model",
    "roll_back_model",
    "score_content",
    "roll_up_creators",
    "fill_review_queue",
    "explain",
    "discover_taxonomy",
    "curate_taxonomy",
    "convert_taxonomy",
    "erase_creator",
    "maintain_tables",
    "serve_profiles",
    "flow",
    "make_sample",
]

# The parts whose versions must agree with Spark's, or with a jar's, are pinned here; the rest have ranges, and
# conf/constraints.txt says which version of each was tested.
REQUIRED = [
    "spark-nlp==5.5.3",  # the jar's version, see conf/base.yml
    "xgboost==3.2.0",
    "mlflow==3.17.2",
    "optuna>=4.0",
    "numpy>=1.26,<2.4",
    "pandas>=2.2,<3",  # pyspark 3.5 predates pandas 3
    "onnx>=1.18",
    "py3langid>=0.4",
    # Both have ICU 78.3, whose dictionaries make the tokens of scripts without blanks; 1.2.0 needs Python 3.11.
    'icu4py==1.2.0; python_version >= "3.11"',
    'icu4py==1.1.0; python_version < "3.11"',
    "tokenizers>=0.19",
    "regex>=2024.11.6",  # this and the next two: what rules search texts with
    "ahocorasick-rs>=1.0",
    "ada-url>=4.0",
    "pyarrow>=15",
    "scipy>=1.11",
    "scikit-learn>=1.5",
    "matplotlib>=3.8",
    "pydantic>=2.7",
    "pyyaml>=6.0",
    "jinja2>=3.1",
    "rich>=13.7",
]

LOCAL = [
    "pyspark==3.5.9",
    "delta-spark==3.3.3",
    'setuptools>=69,<81; python_version >= "3.12"',  # pyspark 3.5 imports distutils, which Python 3.12 dropped
    "deltalake>=1.6",  # this and the next two: what serve_profiles reads and answers with
    "fastapi>=0.115",
    "uvicorn>=0.30",
    "rdflib>=7.1",  # SKOS, in convert_taxonomy
]

# MkDocs 2 has neither plug-ins nor themes as MkDocs 1 has them.
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.7,<10", "mkdocstrings[python]>=1.0"]

LINT = ["mypy>=1.11", "ruff>=0.6", "types-PyYAML>=6.0"]

TEST = [
    *DOCS,  # tests/docs builds the site
    *LINT,
    "pytest>=8",
    "pytest-cov>=5",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "chispa>=0.10",
    "crowd-kit>=1.4",
    "databricks-bundles==1.22.1",
    "nbclient>=0.10",  # this and the next two: notebooks run in the tests as in Jupyter
    "nbformat>=5.10",
    "ipykernel>=6.29",
    "onnxruntime>=1.18",
]

setup(
    name="linnaeus",
    version="0.1.0",
    description="Spark jobs that keep taxonomies of content, creators and risk current",
    python_requires=">=3.10,<3.13",
    package_dir={"": "libs", "jobs": "jobs", "linnaeus.conf": "conf"},
    packages=[*find_packages("libs"), "jobs", "linnaeus.conf"],
    package_data={
        "linnaeus.conf": ["*.yml", "*.xml", "*.txt", "*.cfg"],
        "linnaeus": ["py.typed", "**/*.j2", "**/*.css", "**/*.js"],
    },
    install_requires=REQUIRED,
    extras_require={"local": LOCAL, "test": TEST, "docs": DOCS, "lint": LINT},
    entry_points={"console_scripts": [f"{job}=jobs.{job}:command" for job in JOBS]},
)
