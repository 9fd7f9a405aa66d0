// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"time"
)

// resumeLife is how long a resume token can be used.
const resumeLife = 24 * time.Hour

// resumeLabel separates the key of resume tokens from every other use of the
// cluster's signing key.
const resumeLabel = "keepstore import resume v2"

// sealed is the content of a resume token: a state, bound to one user and
// one request.
type sealed struct {
	User    string    `json:"user"`
	Request string    `json:"request"`
	Made    time.Time `json:"made"`
	State   state     `json:"state"`
}

// seal makes a resume token for the present state. It is encrypted: the key
// that was listed last may be one that the caller must not be told.
func (j *job) seal() (string, error) {
	text, err := j.text.MarshalBinary()
	if err != nil {
		return "", err
	}
	j.state.Manifest, j.state.Requests = text, j.requests()
	body, err := json.Marshal(sealed{User: j.caller.UserUUID, Request: j.digest, Made: j.now(), State: j.state})
	if err != nil {
		return "", err
	}
	box, err := j.box()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, body, nil)), nil
}

// restore sets the state from a resume token.
func (j *job) restore(token string) error {
	box, err := j.box()
	if err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		raw, err = box.Open(nil, nil, raw, nil)
	}
	if err != nil {
		return &Error{Kind: BadResume, Text: "the resume token was not made by this cluster or is damaged: start the import again without it"}
	}
	var s sealed
	if err := json.Unmarshal(raw, &s); err != nil {
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

// box encrypts and authenticates, with a random nonce in front.
func (j *job) box() (cipher.AEAD, error) {
	block, err := aes.NewCipher(j.Signer.Derive(resumeLabel))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
