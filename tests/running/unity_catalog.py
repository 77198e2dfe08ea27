"""Unity Catalog's model registry in memory, over HTTP, as far as MLflow's own client (`databricks-uc`) asks it.

No workspace was reached. What it does is known by:

- MLflow's client (mlflow.store._unity_catalog, its protocol messages): paths, messages, a signature with inputs and
  outputs, no stages, no `order_by`, results of a search without tags and aliases whose `.tags` can't be read, versions
  that are pending until their files are there, files by addresses signed for each;
- Databricks' documentation: names of three levels, in lower case; tags: at most 50, names of 255 and values of 1,000
  characters, no `. , - = / :` in names, no blanks at the ends of either; who may add versions need not be allowed to
  make models;
- reports (mlflow/recipes-examples issue 58, mlflow/mlflow issues 12383, 16734 and 17495, mlflow-export-import issue
  146): how a refused tag is said, and that NOT_FOUND is said too where MLflow says RESOURCE_DOES_NOT_EXIST;
- caution: pages of two, and versions by alias and as made without their tags. The client promises neither.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

_MODELS, _VERSIONS = "/api/2.0/mlflow/unity-catalog/registered-models/", "/api/2.0/mlflow/unity-catalog/model-versions/"
_FILES, _FOLDERS = "/signed", "/api/2.0/fs/directories"
_PAGE = 2
Body = dict[str, Any]


class Refused(Exception):
    """An answer that is none: its error code and what is said."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code

    @property
    def status(self) -> int:
        return {"RESOURCE_DOES_NOT_EXIST": 404, "NOT_FOUND": 404, "PERMISSION_DENIED": 403}.get(self.code, 400)


@dataclass
class Version:
    """A version as it is stored."""

    said: Body
    tags: dict[str, str]
    status: str = "PENDING_REGISTRATION"


@dataclass
class Model:
    """A model with its versions by number and its aliases."""

    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


class UnityCatalog:
    """The registry. `asked` are the requests so far; `absent` is the code of what is not there."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.absent = "RESOURCE_DOES_NOT_EXIST"
        self.makes_models = True
        self.address = ""
        self.lock = threading.Lock()
        self._answers: dict[str, Callable[[Body], Body]] = {
            f"POST {_MODELS}create": self._make_model,
            f"GET {_MODELS}get": lambda asked: {"registered_model": {"name": self._model(asked)[0]}},
            f"GET {_MODELS}alias": self._by_alias,
            f"POST {_MODELS}alias": self._point,
            f"DELETE {_MODELS}alias": self._unpoint,
            f"POST {_VERSIONS}create": self._make_version,
            f"POST {_VERSIONS}finalize": self._finalize,
            f"POST {_VERSIONS}generate-temporary-credentials": self._credentials,
            f"GET {_VERSIONS}get": lambda asked: {"model_version": self._told(asked, with_tags=True)},
            f"GET {_VERSIONS}search": self._search,
            f"DELETE {_VERSIONS}delete": self._delete,
            f"POST {_VERSIONS}set-tag": self._tag,
            "POST /api/2.0/fs/create-upload-url": self._signed,
            "POST /api/2.0/fs/create-download-url": self._signed,
        }

    def answer(self, method: str, path: str, asked: Body) -> Body:
        """The answer to a request. Raises Refused."""
        self.asked.append(f"{method} {path}")
        if path.startswith(_FOLDERS):
            return self._listed(path.removeprefix(_FOLDERS).rstrip("/") + "/")
        if (found := self._answers.get(f"{method} {path}")) is None:
            raise Refused("ENDPOINT_NOT_FOUND", f"no such endpoint: {method} {path}")
        return found(asked)

    def _model(self, asked: Body) -> tuple[str, Model]:
        name = asked["name"].lower()
        if not re.fullmatch(r"[^.]+\.[^.]+\.[^.]+", name):
            raise Refused("INVALID_PARAMETER_VALUE", f"Model name {name} must specify all three levels")
        if name not in self.models:
            raise Refused(self.absent, f"Registered Model '{name}' does not exist.")
        return name, self.models[name]

    def _version(self, asked: Body) -> Version:
        name, model = self._model(asked)
        if not str(asked["version"]).isdigit() or int(asked["version"]) not in model.versions:
            raise Refused(self.absent, f"Model version '{name}' {asked['version']} does not exist.")
        return model.versions[int(asked["version"])]

    def _told(self, asked: Body, with_tags: bool) -> Body:
        version = self._version(asked)
        tags = [{"key": key, "value": value} for key, value in version.tags.items()] if with_tags else []
        return version.said | {"status": version.status, "tags": tags}

    def _make_model(self, asked: Body) -> Body:
        name = asked["name"].lower()
        if name.count(".") != 2:
            raise Refused("INVALID_PARAMETER_VALUE", f"Model name {name} must specify all three levels")
        if not self.makes_models:
            raise Refused("PERMISSION_DENIED", "User does not have CREATE MODEL on Schema")
        if name in self.models:
            raise Refused("RESOURCE_ALREADY_EXISTS", f"Registered Model '{name}' already exists.")
        self.models[name] = Model()
        return {"registered_model": {"name": name}}

    def _make_version(self, asked: Body) -> Body:
        name, model = self._model(asked)
        tags = {tag["key"]: tag["value"] for tag in asked.get("tags", [])}
        for key, value in tags.items():
            check_tag(key, value)
        if len(tags) > 50:
            raise Refused("INVALID_PARAMETER_VALUE", "more than 50 tags")
        number = max(model.versions, default=0) + 1
        said = {"name": name, "version": str(number), "creation_timestamp": int(time.time() * 1000)}
        said |= {key: asked[key] for key in ("run_id", "source", "model_id") if key in asked}
        model.versions[number] = Version(said | {"storage_location": f"s3://{name}/{number}"}, tags)
        return {"model_version": self._told({"name": name, "version": number}, with_tags=False)}

    def _finalize(self, asked: Body) -> Body:
        self._version(asked).status = "READY"
        return {"model_version": self._told(asked, with_tags=False)}

    def _credentials(self, asked: Body) -> Body:
        self._version(asked)
        return {"credentials": {"storage_mode": "DEFAULT_STORAGE"}}

    def _search(self, asked: Body) -> Body:
        found = re.fullmatch(r"name ?= ?'([^']+)'", asked.get("filter", ""))
        if found is None:
            raise Refused("INVALID_PARAMETER_VALUE", f"Invalid filter: {asked.get('filter')}")
        name, model = self._model({"name": found[1]})
        numbers = list(model.versions)  # in no order that is promised
        begin = int(asked.get("page_token") or 0)
        shown = [self._told({"name": name, "version": one}, False) for one in numbers[begin : begin + _PAGE]]
        after = str(begin + _PAGE) if begin + _PAGE < len(numbers) else ""
        return {"model_versions": shown, "next_page_token": after}

    def _delete(self, asked: Body) -> Body:
        self._version(asked)
        model, number = self._model(asked)[1], int(asked["version"])
        del model.versions[number]
        model.aliases = {alias: at for alias, at in model.aliases.items() if at != number}
        return {}

    def _tag(self, asked: Body) -> Body:
        check_tag(asked["key"], asked["value"])
        self._version(asked).tags[asked["key"]] = asked["value"]
        return {}

    def _by_alias(self, asked: Body) -> Body:
        name, model = self._model(asked)
        if asked["alias"] not in model.aliases:
            raise Refused(self.absent, f"Alias '{asked['alias']}' does not exist.")
        return {"model_version": self._told({"name": name, "version": model.aliases[asked["alias"]]}, False)}

    def _point(self, asked: Body) -> Body:
        self._version(asked)
        self._model(asked)[1].aliases[asked["alias"]] = int(asked["version"])
        return {}

    def _unpoint(self, asked: Body) -> Body:
        if self._model(asked)[1].aliases.pop(asked["alias"], None) is None:
            raise Refused(self.absent, f"Alias '{asked['alias']}' does not exist.")
        return {}

    def _signed(self, asked: Body) -> Body:
        return {"url": f"{self.address}{_FILES}{_stored_at(asked['path'])}", "headers": []}

    def _listed(self, folder: str) -> Body:
        stored = _stored_at(folder)
        below = [path.removeprefix(stored) for path in self.files if path.startswith(stored)]
        if not below:
            raise Refused("NOT_FOUND", f"no such directory: {folder}")
        names = {rest.split("/")[0]: "/" in rest for rest in below}
        entries = [{"path": folder + name, "name": name, "is_directory": is_one} for name, is_one in names.items()]
        return {"contents": entries}


def _stored_at(path: str) -> str:
    """`/Models/catalog/schema/model/…`: names are in lower case."""
    top, names, rest = re.fullmatch(r"(/Models/)([^/]+/[^/]+/[^/]+)(/.*)", path).groups()  # type: ignore[union-attr]
    return f"{top}{names.lower()}{rest}"


def check_tag(key: str, value: str) -> None:
    """Refuse a tag as Unity Catalog does."""
    if re.search(r"[.,\-=/:]", key):
        said = f"Tag name {key} contains one or more of the reserved characters: List(., ,, -, =, /, :)"
        raise Refused("INVALID_PARAMETER_VALUE", said)
    if not 0 < len(key) <= 255 or len(value) > 1000 or key != key.strip() or value != value.strip():
        raise Refused("INVALID_PARAMETER_VALUE", f"Tag {key[:20]} is too long or has blanks at an end")


def _handler(catalog: UnityCatalog) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _content(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self) -> None:
            address = urlsplit(self.path)
            content = self._content()
            if address.path.startswith(_FILES) and self.command == "GET":
                kept = catalog.files.get(address.path.removeprefix(_FILES))
                self._reply(404 if kept is None else 200, kept or b"")
                return
            if address.path.startswith(_FILES):
                catalog.files[address.path.removeprefix(_FILES)] = content
                self._reply(200, b"")
                return
            asked = dict(parse_qsl(address.query)) | (json.loads(content) if content else {})
            try:
                with catalog.lock:
                    status, said = 200, catalog.answer(self.command, address.path, asked)
            except Refused as error:
                status, said = error.status, {"error_code": error.code, "message": str(error)}
            self._reply(status, json.dumps(said).encode())

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def unity_catalog() -> Iterator[UnityCatalog]:
    """A registry that MLflow finds at `databricks-uc` until the block ends."""
    catalog = UnityCatalog()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(catalog))
    server.daemon_threads = True
    catalog.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_HOST", catalog.address)
        patch.setenv("DATABRICKS_TOKEN", "a token")
        patch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")
        # Files go by signed addresses either way; without this the client asks first whether it may.
        patch.setenv("MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC", "false")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        try:
            yield catalog
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
