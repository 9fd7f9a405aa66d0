// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// resumeLife is how long a resume token can be used.
const resumeLife = 24 * time.Hour

// resumeLabel separates the key of resume tokens from every other use of the
// cluster's signing key.
const resumeLabel = "keepstore import resume v1"

// sealed is the content of a resume token: a state, bound to one user and
// one request.
type sealed struct {
	User    string    `json:"user"`
	Request string    `json:"request"`
	Made    time.Time `json:"made"`
	State   state     `json:"state"`
}

// seal makes a resume token for the present state. The token is authentic,
// not secret: it holds nothing that the caller was not told.
func (j *job) seal() (string, error) {
	text, err := j.text.MarshalBinary()
	if err != nil {
		return "", err
	}
	j.state.Manifest = text
	body, err := json.Marshal(sealed{User: j.caller.UserUUID, Request: j.digest, Made: j.now(), State: j.state})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(j.mac(body), body...)), nil
}

// restore sets the state from a resume token.
func (j *job) restore(token string) error {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(j.mac(raw[sha256.Size:]), raw[:sha256.Size]) {
		return &Error{Kind: BadResume, Text: "the resume token was not made by this cluster or is damaged: start the import again without it"}
	}
	var s sealed
	if err := json.Unmarshal(raw[sha256.Size:], &s); err != nil {
		return &Error{Kind: BadResume, Text: "the resume token is of another version of this server: start the import again without it"}
	}
	switch {
	case s.User != j.caller.UserUUID:
		return &Error{Kind: BadResume, Text: "the resume token was given to another user"}
	case s.Request != j.digest:
		return &Error{Kind: BadResume, Text: "the resume token belongs to another request: send the same sources and form"}
	case j.now().Sub(s.Made) > resumeLife:
		return &Error{Kind: BadResume, Text: "the resume token is older than 24 hours: start the import again without it"}
	}
	j.state = s.State
	return nil
}

func (j *job) mac(body []byte) []byte {
	m := hmac.New(sha256.New, j.Signer.Derive(resumeLabel))
	m.Write(body)
	return m.Sum(nil)
}
