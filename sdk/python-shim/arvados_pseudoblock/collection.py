# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Collections that hold references into S3 beside ordinary files."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import Any

import arvados.arvfile
import arvados.collection
import arvados.util
from arvados.api import ThreadSafeAPIClient

from . import _files, _merging, _recording, imports, saving
from .errors import UsageError
from .imports import Progress, Source, Summary
from .keep import KeepClient
from .manifests import portable_data_hash

__all__ = ["Collection", "CollectionReader", "import_from_s3"]

_portable_hash = arvados.util.portable_data_hash_pattern


class _File(arvados.arvfile.ArvadosFile):
    """A file of our collections: reads by ranges, compares by identity."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    readfrom = _files.readfrom
    manifest_text = _files.file_manifest_text
    __eq__ = _files.same
    __ne__ = _files.differs


class _Tree(arvados.collection.RichCollectionBase):
    """What folders and collections of ours share."""

    _get_manifest_text = _files.tree_manifest_text
    stripped_manifest = _files.stripped_manifest

    def diff(self, end_collection: Any, prefix: str = ".", holding_collection: Any = None) -> Any:
        """As the base class does, with blocks compared by identity."""
        if holding_collection is None:
            holding_collection = Collection(api_client=self._my_api(), keep_client=self._my_keep())
        return super().diff(end_collection, prefix, holding_collection)


class _Subcollection(_Tree, arvados.collection.Subcollection):
    """A folder of our collections."""

    def _get_manifest_text(self, *args: Any, **kwargs: Any) -> str:
        if len(self) == 0:
            return str(arvados.collection.Subcollection._get_manifest_text(self, *args, **kwargs))
        return _files.tree_manifest_text(self, *args, **kwargs)


class _Items(dict[str, Any]):
    """The items of a folder. Whatever way an item comes in (made, copied, moved
    from a stock collection), it becomes one of ours."""

    def __setitem__(self, name: str, item: Any) -> None:
        _adopt(item)
        super().__setitem__(name, item)


def _adopt(item: Any) -> None:
    if type(item) is arvados.arvfile.ArvadosFile:
        item.__class__ = _File
    elif type(item) is arvados.collection.Subcollection:
        item.__class__ = _Subcollection
    if isinstance(item, _Subcollection) and not isinstance(item._items, _Items):
        held, item._items = item._items, _Items()
        for name, inner in held.items():
            item._items[name] = inner


def _keep_of(api_client: Any) -> KeepClient:
    """The KeepClient of an API client, made when it is first asked for."""
    held: dict[str, Any] = vars(api_client)
    keep = held.get("_pseudoblock_keep")
    if keep is None:
        keep = held.setdefault("_pseudoblock_keep", KeepClient(api_client=api_client))
    return keep if isinstance(keep, KeepClient) else KeepClient(api_client=api_client)


class Collection(_Tree, arvados.collection.Collection):
    """``arvados.collection.Collection`` that reads and imports references into S3.

    Takes the arguments of the base class. A ``keep_client``, if given, must be
    an `arvados_pseudoblock.KeepClient`, unless `enable` is in force; without
    one, all collections of one API client share one, and so its cache. Comparing, merging and saving go by the
    identity of blocks: two versions of one object are never the same file.
    """

    _unescape_manifest_path = _files.unescape_path

    def __init__(
        self,
        manifest_locator_or_text: str | None = None,
        api_client: Any = None,
        keep_client: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        from .enabling import is_enabled  # not at the top: it uses this module

        if keep_client is not None and not isinstance(keep_client, KeepClient) and not is_enabled():
            raise UsageError("this collection needs a KeepClient of arvados_pseudoblock, not one of arvados")
        if keep_client is None and api_client is not None:
            keep_client = _keep_of(api_client)
        super().__init__(manifest_locator_or_text, api_client, keep_client, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_items" and not isinstance(value, _Items):
            value = _Items(value)
        super().__setattr__(name, value)

    def _my_keep(self) -> Any:
        with self.lock:
            if self._keep_client is None:
                self._keep_client = _keep_of(self._my_api())
            return self._keep_client

    def _my_api(self) -> Any:
        with self.lock:
            if self._api_client is None:
                self._api_client = ThreadSafeAPIClient(self._config, version="v1")
            return self._api_client

    def portable_data_hash(self) -> str:
        """That of the text as it stands; of one that was changed, of its normal form."""
        with self.lock:
            saved = self._manifest_locator is not None and self.committed()
            if saved or not self.committed() or self._manifest_text is None:
                return str(super().portable_data_hash())
            return portable_data_hash(self._manifest_text)

    def update(self, other: Any = None, num_retries: int | None = None) -> None:
        """As the base class does. What the API server has now is read as one of
        our collections, so that a new version of an object counts as a change."""
        if other is not None or self._manifest_locator is None or _portable_hash.match(self._manifest_locator):
            super().update(other, num_retries=num_retries)
            return
        with self.lock:
            response = (
                self._my_api()
                .collections()
                .get(uuid=self._manifest_locator)
                .execute(num_retries=self.num_retries if num_retries is None else num_retries)
            )
            theirs = CollectionReader(response["manifest_text"], self._my_api(), self._my_keep())
            super().update(theirs, num_retries=num_retries)
            self._remember_api_response(response)

    def save(self, *args: Any, **kwargs: Any) -> str:
        """As the base class does, and records in the properties where the contents come from.
        Without changes here, that one takes over the text that others saved, but not their
        files, and drops these with its next save; not so here."""
        with self.lock:
            unchanged = self.committed()
            text, pdh = self._manifest_text, self._portable_data_hash
            saved = _recording.save(self, *args, **kwargs)
            if unchanged and self._portable_data_hash != pdh:
                self._manifest_text, self._portable_data_hash = text, pdh
                self.update()
                saved = str(self._manifest_text)
            return saved

    save_new = _recording.save_new

    def clone(
        self, new_parent: Any = None, new_name: str | None = None, readonly: bool = False, new_config: Any = None
    ) -> Any:
        """A collection with the same contents and clients, and no record on the API server."""
        kind = CollectionReader if readonly else Collection
        with self.lock:
            api, keep = (None, None) if new_config else (self._api_client, self._keep_client)
            copy = kind(None, api, keep, parent=new_parent, apiconfig=new_config or self._config)
            copy._clonefrom(self)
            _recording.cloned(copy, self)
            return copy

    def import_from_s3(
        self,
        url_or_urls: str | Source | Iterable[str | Source],
        path: str | None = None,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        as_of: datetime.datetime | str | None = None,
        form: str | None = None,
        progress: Callable[[Progress], object] | None = None,
        include_regexp: Iterable[str] = (),
        exclude_regexp: Iterable[str] = (),
    ) -> Summary:
        """Adds S3 objects as files, by reference: nothing is copied.

        ``url_or_urls``: ``s3://bucket/key``, ``s3://bucket/prefix/``, with
        ``?versionId=`` if need be; one or several, also as `Source`.
        ``path``: the folder for a prefix, the name for an object (a folder
        where it ends with /). ``include``, ``exclude``: globs below a prefix;
        ``include_regexp``, ``exclude_regexp``: regular expressions of RE2, looked
        for anywhere in the path below it. What excludes wins.
        ``as_of``: the versions that were current then. ``form``: opaque,
        derived or content; by default what the cluster can hold. ``progress``
        is called with counts while it runs.

        Files of the same path are replaced. Nothing changes here before the
        import is complete: on an error, or Ctrl-C, the collection is as it was.
        Raises `arvados_pseudoblock.errors`; returns what was imported and what
        was left out. Call ``save`` or ``save_new`` afterwards.
        """
        sources = imports.sources_of(
            url_or_urls,
            path,
            include=include,
            exclude=exclude,
            as_of=as_of,
            include_regexp=include_regexp,
            exclude_regexp=exclude_regexp,
        )
        return _merging.into(self, sources, form=form, progress=progress)

    def save_parts(
        self,
        name: str,
        owner_uuid: str | None = None,
        properties: dict[str, Any] | None = None,
        ensure_unique_name: bool = False,
        num_retries: int | None = None,
    ) -> list[dict[str, Any]]:
        """Stores the contents as a new collection, or where one request to the API
        server cannot hold them as several, cut by the rule of docs/collection.md:
        the same parts as from ``keepstore import``. Parts are named "NAME (part 1 of
        3)" and so on, and have the property ``arv:s3_part``.

        Returns ``uuid``, ``name`` and ``portable_data_hash`` of each. When a part
        cannot be stored, those before it go into the trash. This collection stays
        as it is, so a later ``save_new`` stores it once more."""
        self._my_block_manager().commit_all()
        loaded = dict((self.api_response() or {}).get("properties") or {})
        attributes = saving.Attributes(
            name, owner_uuid, _recording.with_sources(self, {**loaded, **(properties or {})}), (), ensure_unique_name
        )
        retries = self.num_retries if num_retries is None else num_retries
        with self.lock:
            return saving.save_all(self._my_api(), lambda: saving.entries_of(self), attributes, retries)


class CollectionReader(Collection, arvados.collection.CollectionReader):
    """A `Collection` that cannot be changed."""

    def __init__(self, manifest_locator_or_text: str | None = None, *args: Any, **kwargs: Any) -> None:
        self._in_init = True
        Collection.__init__(self, manifest_locator_or_text, *args, **kwargs)
        self._in_init = False
        self._streams = None

    def _clonefrom(self, source: Any) -> None:
        self._in_init = True
        super()._clonefrom(source)
        self._in_init = False


def import_from_s3(
    url_or_urls: str | Source | Iterable[str | Source],
    path: str | None = None,
    *,
    api_client: Any = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    as_of: datetime.datetime | str | None = None,
    form: str | None = None,
    progress: Callable[[Progress], object] | None = None,
    include_regexp: Iterable[str] = (),
    exclude_regexp: Iterable[str] = (),
) -> Collection:
    """A new collection, not saved yet, of S3 objects by reference; see `Collection.import_from_s3`."""
    made = Collection(api_client=api_client)
    made.import_from_s3(
        url_or_urls,
        path,
        include=include,
        exclude=exclude,
        as_of=as_of,
        form=form,
        progress=progress,
        include_regexp=include_regexp,
        exclude_regexp=exclude_regexp,
    )
    return made
