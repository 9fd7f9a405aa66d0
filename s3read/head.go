// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// Info describes one object version.
type Info struct {
	// Object is pinned as the reply says. Its VersionID is "null" for an
	// object stored without versioning in a versioned bucket, and empty where
	// the bucket never had versioning.
	Object locator.Object
	// Size is in bytes.
	Size int64
	// ETag has no quotes.
	ETag string
	// LastModified is zero if the reply does not tell.
	LastModified time.Time
	// StorageClass is empty for the standard class in some replies.
	StorageClass string
	// Archived says that the object must be restored before it can be read.
	// A listing knows the storage class only, not whether a restore is done.
	Archived bool
	// Encryption is the server-side encryption, such as "aws:kms", if told.
	Encryption string
	// Owner is told by listings of versions only.
	Owner Owner
	// Outlook is nil in a listing, and where S3 says nothing of it.
	Outlook *Outlook
}

// Owner is who owns an object, as S3 tells.
type Owner struct {
	// ID is the canonical user id of an account on AWS.
	ID string
	// Name is for people. AWS tells none any more.
	Name string
}

// Head describes an object. An object that is not pinned is described in its
// current version; then a refusal costs one more request, since replies to
// HEAD carry no error code.
func (r *Reader) Head(ctx context.Context, access creds.Access, object locator.Object) (Info, error) {
	if err := checkObject(object); err != nil {
		return Info{}, err
	}
	o, err := r.begin(ctx, call{op: "head", access: access, object: object, ifMatch: object.ETag})
	if err != nil {
		return Info{}, err
	}
	defer o.end()
	info, err := o.head()
	if err == nil {
		o.seen.note(object.Bucket, o.options.Now())
		return info, nil
	}
	why := o.explain(err)
	if !o.amend(why) {
		return Info{}, why
	}
	info, err = o.head()
	if e := new(Error); errors.As(err, &e) && e.Status >= 400 && e.Status < 500 && e.Code == "" {
		return Info{}, why // the same again, without a reason
	}
	return info, err
}

func (o *operation) head() (Info, error) {
	var info Info
	a, err := o.try(func(a *attempt) (err error) {
		info, err = a.acceptHead()
		return err
	})
	if err != nil {
		return Info{}, err
	}
	a.finish(nil)
	return info, nil
}

// checkObject is [locator.Object.Check] without the rule that it be pinned.
func checkObject(o locator.Object) error {
	if o.Pinned() {
		return o.Check()
	}
	if err := locator.CheckBucket(o.Bucket); err != nil {
		return err
	}
	return locator.CheckKey(o.Key)
}

func (a *attempt) acceptHead() (Info, error) {
	if a.reply.StatusCode != http.StatusOK {
		return Info{}, a.refuse()
	}
	if err := a.checkPin(); err != nil {
		return Info{}, err
	}
	header := a.reply.Header
	if a.reply.ContentLength < 0 || len(header["Content-Length"]) == 0 {
		return Info{}, a.bad("it does not tell the size of the object")
	}
	if len(header["X-Amz-Version-Id"]) > 1 {
		return Info{}, a.bad("it names more than one version")
	}
	info := Info{
		Object:       a.object,
		Size:         a.reply.ContentLength,
		ETag:         unquoteETag(header.Get("Etag")),
		StorageClass: header.Get("X-Amz-Storage-Class"),
		Encryption:   header.Get("X-Amz-Server-Side-Encryption"),
		Outlook:      readOutlook(header),
	}
	info.LastModified, _ = http.ParseTime(header.Get("Last-Modified"))
	if a.object.ETag == "" {
		info.Object.VersionID = header.Get("X-Amz-Version-Id")
	}
	// A reader can do without the date that Outlook wants here.
	restored := strings.Contains(header.Get("X-Amz-Restore"), `ongoing-request="false"`)
	info.Archived = isArchiveClass(info.StorageClass) && !restored || header.Get("X-Amz-Archive-Status") != ""
	return info, nil
}

// isArchiveClass: the classes that a GET cannot read.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
func isArchiveClass(class string) bool { return class == "GLACIER" || class == "DEEP_ARCHIVE" }

// explain asks again with a GET of one byte why HEAD was refused, since a
// refusal of HEAD carries no code. A GET that succeeds, or that fails
// otherwise, changes nothing.
func (o *operation) explain(err error) error {
	e := new(Error)
	if !errors.As(err, &e) || !o.unclear(e) || o.tries >= o.options.MaxAttempts {
		return err
	}
	o.op, o.size = "get", 1
	defer func() { o.op, o.size = "head", 0 }()
	a, err2 := o.send()
	if err2 == nil {
		err2 = a.why()
	}
	a.finish(err2)
	if told := new(Error); errors.As(err2, &told) && told.Status >= 400 && told.Kind != PastEnd && told.Kind != SlowDown {
		if told.Kind == NotFound {
			o.seen.note(o.object.Bucket, o.options.Now())
		}
		if o.object.Pinned() && e.Kind == NotFound && told.Kind != NoBucket {
			return err // what there is to say about a version is known
		}
		told.Op = e.Op
		return told
	}
	return err
}

// unclear reports whether to ask why HEAD was refused. What there is to say
// about a version is known, unless its bucket may be missing, or the keys may be
// at fault, of which there may be new ones.
func (o *operation) unclear(e *Error) bool {
	if !o.object.Pinned() {
		return e.Status >= 400 && e.Status < 500
	}
	_, renews := o.access.Provider.(creds.Renewer)
	if o.maybeNoBucket(e) {
		return true
	}
	refused := e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden
	return renews && !o.renewed && refused && e.Code == ""
}

// why is the error of a reply that is expected to be a refusal.
func (a *attempt) why() error {
	if a.reply.StatusCode < 300 {
		return nil
	}
	return a.refuse()
}
