// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/arvados-s3/keepstore/creds"
)

// Where the two documents are, below the URL of the issuer.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	JWKSPath      = "/.well-known/jwks.json"
)

// Life is how long a token is valid.
const Life = 5 * time.Minute

// early is how much a token is valid before it is made, for verifiers whose
// clocks are late.
const early = 30 * time.Second

// tagsClaim is where AWS looks for session tags.
const tagsClaim = "https://aws.amazon.com/tags"

var (
	userUUID  = regexp.MustCompile(`^[a-z0-9]{5}-tpzed-[a-z0-9]{15}$`)
	clusterID = regexp.MustCompile(`^[a-z0-9]{5}$`)
)

// Options are the settings of an issuer.
type Options struct {
	// URL is the origin under which STS reach the documents, such as
	// https://keep.example.org: it has no path and no slash at the end.
	URL string
	// KeyFile is made, with one key, when it is missing.
	KeyFile string
	// ClusterID is the five letters of the Arvados cluster.
	ClusterID string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Issuer makes tokens. It does not change; [File] follows its key file. Use
// [New].
type Issuer struct {
	options         Options
	keys            []Key
	discovery, jwks []byte
}

// New reads the keys, which it makes when there is no key file.
func New(o Options) (*Issuer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.KeyFile); errors.Is(err, os.ErrNotExist) {
		if err := makeKeys(o.KeyFile); err != nil {
			return nil, err
		}
	}
	return load(o)
}

// load is New for a key file that is there.
func load(o Options) (*Issuer, error) {
	keys, err := ReadKeys(o.KeyFile)
	if err != nil {
		return nil, err
	}
	if keys[0].SignFrom.After(o.Now()) {
		return nil, fmt.Errorf("no key of %s signs yet, the first does from %s: check the clock and the file", o.KeyFile, stamp(keys[0].SignFrom))
	}
	i := &Issuer{options: o, keys: keys}
	return i, i.publish()
}

func (o Options) check() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o.URL || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the URL of the issuer must be an origin like https://keep.example.org, with nothing after the host")
	case !clusterID.MatchString(o.ClusterID):
		return errors.New("the issuer needs the id of the cluster: five lower-case letters and digits")
	case o.KeyFile == "":
		return errors.New("the issuer needs a key file: it is made when it does not exist")
	}
	return nil
}

// signing returns the key that signs at a time.
func (i *Issuer) signing(at time.Time) (Key, bool) {
	for n := len(i.keys) - 1; n >= 0; n-- {
		if !i.keys[n].SignFrom.After(at) {
			return i.keys[n], true
		}
	}
	return Key{}, false
}

// Token returns a JWT (RFC 7519) that names a user to one audience, such as
// sts.amazonaws.com. Each one is new.
func (i *Issuer) Token(user, audience string) (creds.Secret, error) {
	switch {
	case !userUUID.MatchString(user):
		return creds.Secret{}, &creds.Error{Kind: creds.Missing, Text: "roles can be assumed for users only, and this token belongs to none"}
	case audience == "": // some verifiers take such a token for their own
		return creds.Secret{}, &creds.Error{Kind: creds.Missing, Text: "a web token must be for somebody: ask the operator to give the S3 endpoint an audience"}
	}
	now := i.options.Now()
	key, ok := i.signing(now)
	if !ok {
		return creds.Secret{}, &creds.Error{Kind: creds.ClockSkew, Text: "the clock of this server went back before its keys: the operator checks the clock"}
	}
	token := jwt.NewWithClaims(key.method, i.claims(user, audience, now))
	token.Header["kid"] = key.ID
	text, err := token.SignedString(key.private)
	if err != nil {
		return creds.Secret{}, &creds.Error{Kind: creds.Unavailable, Text: "this server could not sign a token: try again", Err: err}
	}
	return creds.NewSecret(text), nil
}

// claims are what a token says. The subject is made of ids that never go to
// another person, in contrast to names and addresses.
func (i *Issuer) claims(user, audience string, now time.Time) jwt.MapClaims {
	cluster := i.options.ClusterID
	return jwt.MapClaims{
		"iss": i.options.URL,
		"sub": cluster + ":" + user,
		"aud": audience,
		"iat": now.Unix(),
		"nbf": now.Add(-early).Unix(),
		"exp": now.Unix() + int64(Life/time.Second),
		"jti": rand.Text(),
		tagsClaim: map[string]any{
			"principal_tags":      map[string][]string{"arvados_cluster": {cluster}, "arvados_user": {user}},
			"transitive_tag_keys": []string{"arvados_cluster", "arvados_user"},
		},
	}
}

// publish makes the two documents, once.
func (i *Issuer) publish() error {
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.public)
	}
	var err error
	if i.jwks, err = json.Marshal(set); err != nil {
		return err
	}
	i.discovery, err = json.Marshal(map[string]any{
		"issuer":                   i.options.URL,
		"jwks_uri":                 i.options.URL + JWKSPath,
		"response_types_supported": []string{"id_token"},
		"subject_types_supported":  []string{"public"},
		// Both, so that a rotation to another kind of key changes nothing here.
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"claims_supported":                      []string{"iss", "sub", "aud", "iat", "nbf", "exp", "jti"},
	})
	return err
}

// Discovery returns the document that an STS begins with: OpenID Connect
// Discovery 1.0, section 3. It has no authorization endpoint, since nobody
// logs in here; no STS wants one.
func (i *Issuer) Discovery() []byte { return i.discovery }

// JWKS returns the public keys (RFC 7517): those that sign, will sign, and
// have signed. Callers do not change what is returned.
func (i *Issuer) JWKS() []byte { return i.jwks }
