"""Every object fits its schema. Kubernetes' own objects are checked strictly, with the oldest and the newest version.
Other objects are checked by models."""

import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.k8s.manifests import Manifests, Object, title

VERSIONS: Final = ("1.30", "1.37")
"""The oldest version is the first that has `preStop.sleep` switched on. The newest version is the last that has a
schema."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _RemoteRef(_Strict):
    key: str = Field(min_length=1)
    property: str = Field(min_length=1)


class _Entry(_Strict):
    secret_key: str = Field(alias="secretKey", pattern=r"^[-._a-zA-Z0-9]{1,253}$")
    remote_ref: _RemoteRef = Field(alias="remoteRef")


class _Store(_Strict):
    kind: Literal["SecretStore", "ClusterSecretStore"]
    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")


class _Target(_Strict):
    name: str = Field(min_length=1)
    creation_policy: Literal["Owner", "Orphan", "Merge", "None"] = Field(alias="creationPolicy")
    deletion_policy: Literal["Delete", "Merge", "Retain"] = Field(alias="deletionPolicy")


class _ExternalSecretSpec(_Strict):
    refresh_interval: str = Field(alias="refreshInterval", pattern=r"^[0-9]+[smh]$")
    secret_store_ref: _Store = Field(alias="secretStoreRef")
    target: _Target
    data: list[_Entry] = Field(min_length=1)


class ExternalSecret(_Strict):
    """The part of external-secrets.io/v1 that the manifests use. No package has its schema."""

    api_version: Literal["external-secrets.io/v1"] = Field(alias="apiVersion")
    kind: Literal["ExternalSecret"]
    metadata: Object
    spec: _ExternalSecretSpec


class _Parent(_Strict):
    name: str = Field(min_length=1)
    namespace: str = Field(min_length=1)


class _Path(_Strict):
    type: Literal["Exact", "PathPrefix"]
    value: str = Field(pattern=r"^/")


class _Match(_Strict):
    path: _Path


class _Timeouts(_Strict):
    request: str = Field(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")


class _Backend(_Strict):
    name: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)


class _RouteRule(_Strict):
    matches: list[_Match] = Field(min_length=1)
    timeouts: _Timeouts
    backend_refs: list[_Backend] = Field(alias="backendRefs", min_length=1)


class _RouteSpec(_Strict):
    parent_refs: list[_Parent] = Field(alias="parentRefs", min_length=1)
    hostnames: list[str] = Field(min_length=1)
    rules: list[_RouteRule] = Field(min_length=1, max_length=16)


class HTTPRoute(_Strict):
    """The part of gateway.networking.k8s.io/v1 that the manifests use
    (https://gateway-api.sigs.k8s.io/reference/spec/)."""

    api_version: Literal["gateway.networking.k8s.io/v1"] = Field(alias="apiVersion")
    kind: Literal["HTTPRoute"]
    metadata: Object
    spec: _RouteSpec


@cache
def models() -> dict[tuple[str, str], type[BaseModel]]:
    """Returns the models by apiVersion and kind. The library is imported here because the import takes seconds."""
    monitoring = import_module("cloudcoil.models.prometheus_operator.v1")
    return {
        ("monitoring.coreos.com/v1", "ServiceMonitor"): monitoring.ServiceMonitor,
        ("monitoring.coreos.com/v1", "PrometheusRule"): monitoring.PrometheusRule,
        ("external-secrets.io/v1", "ExternalSecret"): ExternalSecret,
        ("gateway.networking.k8s.io/v1", "HTTPRoute"): HTTPRoute,
    }


@cache
def kubernetes_validate() -> Any:
    """Returns the library, which is imported here because the import takes seconds. It reads a file of two megabytes
    for each object, although every object of a version needs the same file."""
    utils: Any = import_module("kubernetes_validate.utils")
    utils.schema_contents = cache(utils.schema_contents)
    return import_module("kubernetes_validate")


def schemas(manifests: Manifests) -> Iterator[str]:
    """Check every object against its schema. An object without a schema is a fault too."""
    for one in manifests.objects:
        yield from (f"{title(one)}: {what}" for what in _problems(json.dumps(one)))


@cache
def _problems(text: str) -> tuple[str, ...]:
    """Returns the faults of one object. The result is cached, because most objects are the same in every combination,
    and a schema takes long to load."""
    one: Object = json.loads(text)
    model = models().get((one["apiVersion"], one["kind"]))
    return tuple(_by_version(one) if model is None else _by_model(one, model))


def _by_version(one: Object) -> Iterator[str]:
    library = kubernetes_validate()
    for version in VERSIONS:
        try:
            library.validate(one, version, strict=True)
        except library.SchemaNotFoundError:
            yield f"{version} knows no {one['kind']} of {one['apiVersion']}"
        except library.ValidationError as error:
            place = ".".join(map(str, error.path))
            yield f"{version} refuses {place}: {error.message[:200]}"


def _by_model(one: Object, model: type[BaseModel]) -> Iterator[str]:
    """These models drop unknown fields, so the output is compared with the input."""
    try:
        read = model.model_validate(one)
    except ValidationError as error:
        yield f"its model refuses {'.'.join(map(str, error.errors()[0]['loc']))}"
        return
    kept = json.loads(read.model_dump_json(by_alias=True, exclude_unset=True))
    for place in sorted(set(_leaves(one)) ^ set(_leaves(kept))):
        yield f"its model does not know {place}"


def _leaves(value: object, place: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _leaves(held, f"{place}.{name}")
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield from _leaves(held, f"{place}[{number}]")
    else:
        yield f"{place} = {value}"


CHECKS = (schemas,)
