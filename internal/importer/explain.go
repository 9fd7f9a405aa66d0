// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// Question asks whether the owner of a token can have an object or a prefix
// now, and what decides it.
type Question struct {
	// URL is as in [Source].
	URL   string
	Token creds.Secret
	// Operator says that whoever asks has the configuration with its keys, so
	// that nothing of what the server's own rights show needs hiding.
	Operator bool
}

// Report is the answer: what was looked at, in this order, up to the first
// step that refuses. It holds no secret and no access key id.
type Report struct {
	URL   string `json:"url"`
	Steps []Step `json:"steps"`
	// Readable says that all steps went well.
	Readable bool `json:"readable"`
	// Error is the word of the refusal.
	Error string `json:"error,omitempty"`
	// Known says that the question could be understood and that the token is
	// good. If not, the error is all that there is to tell.
	Known bool `json:"-"`
}

// Step is one of url, token, rule, credentials, session and s3.
type Step struct {
	Step string `json:"step"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// explainLimit bounds all steps together.
const explainLimit = 30 * time.Second

// Explain goes the way of a read or a listing, step by step. The error is that
// of the step that refused; the report is good in any case.
func (im *Importer) Explain(ctx context.Context, q Question) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, explainLimit)
	defer cancel()
	e := &explanation{Importer: im, Question: q}
	report := Report{URL: q.URL}
	for _, step := range []struct {
		name string
		look func(*explanation, context.Context) (string, error)
	}{
		{"url", (*explanation).lookAtURL}, {"token", (*explanation).lookAtToken}, {"rule", (*explanation).lookAtRule},
		{"credentials", (*explanation).lookForCredentials}, {"session", (*explanation).lookForKeys}, {"s3", (*explanation).askS3},
	} {
		text, err := step.look(e, ctx)
		report.Known = e.caller.AllScopes
		if err != nil {
			report.Error = wordOf(err)
			report.Steps = append(report.Steps, Step{step.name, false, sentence(err)})
			return report, err
		}
		report.Steps = append(report.Steps, Step{step.name, true, text})
	}
	report.Readable = true
	return report, nil
}

// sentence is what may be shown of an error.
func sentence(err error) string {
	if w := worded(nil); errors.As(err, &w) {
		return w.Error()
	}
	return "this server could not find out: its log says more"
}

// explanation is what the steps so far have found.
type explanation struct {
	*Importer
	Question
	target target
	caller creds.Caller
	rule   *creds.Rule
	access creds.Access
}

func (e *explanation) lookAtURL(context.Context) (string, error) {
	var err error
	if e.target, err = newTarget(Source{URL: e.URL}); err != nil {
		return "", badRequest("%s", err)
	}
	o := e.target.object
	switch {
	case e.target.prefix:
		return fmt.Sprintf("everything under s3://%s/%s", o.Bucket, o.Key), nil
	case o.VersionID != "":
		return "one version of an object: " + o.URL(), nil
	}
	return "the current version of an object: " + o.URL(), nil
}

func (e *explanation) lookAtToken(ctx context.Context) (string, error) {
	caller, err := e.Importer.caller(ctx, e.Token)
	if err != nil {
		return "", err
	}
	e.caller = caller
	return "a live token with scope all, of user " + caller.UserUUID, nil
}

// lookAtRule is as strict as an import: under a mode that uses rights of this
// server's, whoever may not import must not learn what exists.
func (e *explanation) lookAtRule(ctx context.Context) (string, error) {
	match := e.Keychain.Match
	if e.target.prefix {
		match = e.Keychain.MatchPrefix
	}
	var err error
	if e.rule, err = match(e.target.object.Bucket, e.target.object.Key); err != nil {
		return "", err
	}
	text := fmt.Sprintf("the access rule %s covers it: mode %s, endpoint %q", e.rule.URL(), e.rule.Mode, e.rule.Endpoint.Name)
	may, err := e.mayImport(ctx, e.rule, &e.caller, e.Token)
	switch {
	case err != nil:
		return "", err
	case e.rule.Mode.Personal():
		return text + "; S3 decides by the rights of the reader", nil
	case may:
		return text + "; this user may import, and whoever may read a collection with it reads it", nil
	case e.Operator:
		return text + "; this user may not import, but whoever may read a collection with it reads it", nil
	}
	return "", &creds.Error{Kind: creds.NotAllowed, Text: text + "; it does not let you import, so you are not told what is there. " +
		"You read what is in the collections that you may read: ask for one of those, or ask the operator to name you in the rule"}
}

func (e *explanation) lookForCredentials(ctx context.Context) (string, error) {
	var err error
	if e.access, err = e.Keychain.Access(ctx, e.rule, e.caller); err != nil {
		return "", err
	}
	return "S3 is asked with " + e.access.As, nil
}

func (e *explanation) lookForKeys(ctx context.Context) (string, error) {
	if e.access.Provider == nil {
		return "none is needed: requests are not signed", nil
	}
	keys, err := e.access.Provider.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	if p, ok := e.access.Provider.(ending); ok {
		ends, err := p.Ends(ctx)
		return "keys are at hand, and work until " + ends.UTC().Format(time.RFC3339) + " at the latest", err
	}
	if keys.CanExpire {
		return "keys are at hand, which this server renews by itself", nil
	}
	return "keys are at hand, which do not expire by themselves", nil
}

// ending is a provider that knows when there will be no more keys, or others.
// What Expires says of the keys may only be how long they are remembered.
type ending interface {
	Ends(ctx context.Context) (time.Time, error)
}

// askS3 makes one request for a prefix, a page of its listing, and one or two
// for an object: see head.
func (e *explanation) askS3(ctx context.Context) (string, error) {
	o := e.target.object
	if e.target.prefix {
		page, err := e.Lister.Browse(ctx, e.access, o.Bucket, o.Key, "")
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("S3 lists it: %d objects and %d folders on the first page", len(page.Objects), len(page.Folders)), nil
	}
	info, err := e.head(ctx)
	if err != nil {
		return "", err
	}
	whole := pseudoblock.Extent{Object: info.Object, Size: info.Size}
	if err := s3read.CheckFits(whole, info); err != nil {
		return "", err
	}
	return fmt.Sprintf("S3 gives it: %d bytes, %s", info.Size, info.Object.URL()), nil
}

// head asks for the object, and if that was the current version, then for the
// same one by its id, as every read does: that takes another right.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (e *explanation) head(ctx context.Context) (s3read.Info, error) {
	asked := e.target.object
	info, err := e.Describer.Head(ctx, e.access, asked)
	if denied := refusal(err); denied != nil && asked.VersionID == "" {
		denied.Text += "; whether s3:GetObjectVersion is granted, which every read takes, shows with ?versionId= in the URL"
		return info, denied
	}
	if err != nil {
		return info, err
	}
	if _, err := pin(&info, e.rule); err != nil || info.Object.VersionID == asked.VersionID {
		return info, err
	}
	again, err := e.Describer.Head(ctx, e.access, info.Object)
	if denied := refusal(err); denied != nil {
		denied.Text = fmt.Sprintf("S3 lets %s read the current version (s3:GetObject), but not the same version by its id, as every read asks for it: "+
			"ask %s to grant s3:GetObjectVersion", e.access.As, e.whom())
		return info, denied
	}
	return again, err
}

// refusal returns a copy of the error of S3 if that is for lack of a right.
func refusal(err error) *s3read.Error {
	e := (*s3read.Error)(nil)
	if !errors.As(err, &e) || e.Kind != s3read.Denied {
		return nil
	}
	denied := *e
	return &denied
}

// whom says who can grant a right.
func (e *explanation) whom() string {
	if e.rule.Mode == creds.IAM {
		return "the operator"
	}
	return "the owner of the bucket"
}
