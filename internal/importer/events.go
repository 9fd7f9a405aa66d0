// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// Sink takes the lines of an import in order. An error ends the import.
type Sink interface {
	// Line takes one of the line types of this package.
	Line(line any) error
}

// File is one imported object.
type File struct {
	Type         string    `json:"type"` // "file"
	Path         string    `json:"path"`
	URL          string    `json:"url"`
	VersionID    string    `json:"version_id,omitempty"`
	Size         int64     `json:"size"`
	ETag         string    `json:"etag"`
	LastModified time.Time `json:"last_modified"`
	StorageClass string    `json:"storage_class"`
	// Owner is the id of the owner and OwnerName a name, if they were asked for
	// and S3 told them: it does for what it lists, and not for single objects.
	Owner     string `json:"owner,omitempty"`
	OwnerName string `json:"owner_name,omitempty"`
	// Locator is one locator, or several with spaces between, as in a
	// manifest, for an object that is cut.
	Locator string `json:"locator"`
	// Archived says that S3 must restore the object before it can be read.
	Archived bool `json:"archived,omitempty"`
	// WeakPin says that the object is pinned by ETag only: an overwrite is
	// noticed, but the old bytes are then gone.
	WeakPin bool `json:"weak_pin,omitempty"`
	// What follows is told of single objects, which S3 is asked about one by
	// one: when the lifecycle rule ExpiresRule deletes the object, and until
	// when nothing may remove this version.
	Expires     *time.Time `json:"expires,omitempty"`
	ExpiresRule string     `json:"expires_rule,omitempty"`
	LockMode    string     `json:"lock_mode,omitempty"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	LegalHold   bool       `json:"legal_hold,omitempty"`

	locators []locator.Locator
}

// Skipped is one listed key, or one source, that was not imported.
type Skipped struct {
	Type   string `json:"type"` // "skipped"
	URL    string `json:"url"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// Progress tells how far the import is. Resume is empty between two points
// at which it can be taken up again.
type Progress struct {
	Type string `json:"type"` // "progress"
	Counts
	Requests Requests `json:"requests"`
	// BytesRead counts what content form had to read, ahead of the files told.
	BytesRead int64  `json:"bytes_read,omitempty"`
	Resume    string `json:"resume,omitempty"`
}

// Failed is the last line of an import that could not be completed.
type Failed struct {
	Type  string `json:"type"`  // "error"
	Error string `json:"error"` // the word of the error table
	Text  string `json:"text"`
	// Resume takes the import up from the last point reached.
	Resume string `json:"resume,omitempty"`
}

// Done is the last line of a complete import.
type Done struct {
	Type string `json:"type"` // "done"
	Counts
	Requests  Requests         `json:"requests"`
	SkippedBy map[string]int64 `json:"skipped_by_reason"`
	// Status is "complete", or "partial" when data was left out that the
	// caller's filters did not exclude, or "empty" when there are no files.
	Status string `json:"status"`
	// PDH is the portable data hash of the manifest of all files.
	PDH string `json:"portable_data_hash"`
	// Lifecycle and ObjectLock tell how long all that stays, by bucket and
	// access rule.
	Lifecycle  []Lifecycle  `json:"lifecycle,omitempty"`
	ObjectLock []ObjectLock `json:"object_lock,omitempty"`
}

// Counts are the running totals.
type Counts struct {
	Listed  int64 `json:"listed"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Skipped int64 `json:"skipped"`
	// Archived and WeakPins count files with these marks.
	Archived int64 `json:"archived"`
	WeakPins int64 `json:"weak_pins"`
}

// Requests counts what S3 was asked for this import, retries included, up to
// the point that its lines tell of.
type Requests struct {
	List int64 `json:"list"`
	Head int64 `json:"head"`
	Get  int64 `json:"get"`
	// RequesterPays says that some of them went under an access rule with
	// requester_pays: the account of the credentials pays, not the bucket's.
	RequesterPays bool `json:"requester_pays,omitempty"`
}

// Reasons for skipping that are not words of the error table.
const (
	reasonExcluded    = "excluded"
	reasonDeleted     = "deleted"
	reasonPlaceholder = "folder-placeholder"
	reasonBadName     = "bad-name"
	reasonUndecodable = "undecodable-key"
	reasonClash       = "name-clash"
	reasonEndpoint    = "other-endpoint"
	reasonRights      = "other-rights"
)
