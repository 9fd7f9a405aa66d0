// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// mapping is an object of JSON or YAML.
type mapping = map[string]any

// settings is what goes into keepstore.yml.
type settings struct {
	listen    string
	endpoints mapping
	access    []mapping
	issuer    mapping // nil without
}

// configure says what keepstore begins with. It has rights of its own for
// the first bucket only; under mode token they are those of each reader.
func (s *stage) configure(listen string) error {
	secret := s.dir.in("s3-reader-secret") // a file of its own, as it should have anywhere
	if err := os.WriteFile(secret, []byte(s.gateway.Reader.Secret+"\n"), 0o600); err != nil {
		return err
	}
	c := settings{listen: listen, endpoints: mapping{}}
	c.endpoint(firstName, s.gateway.url, mapping{"access_key_id": s.gateway.Reader.Access, "secret_access_key_file": filepath.Base(secret)})
	c.endpoint(partnerName, s.partner.url, nil)
	c.rule(bucketName, firstName, "iam", mapping{"import": mapping{"users": []string{"*"}}})
	for _, site := range s.keys.sites() {
		c.rule(site.name, site.endpoint, s.keys.mode, nil)
	}
	s.settings = c
	return nil
}

// endpoint adds an S3 server. Without more keepstore has no rights there.
func (c *settings) endpoint(name, url string, more mapping) {
	e := mapping{"url": url, "region": region, "path_style": true}
	maps.Copy(e, more)
	c.endpoints[name] = e
}

// rule adds an access rule for a bucket.
func (c *settings) rule(bucket, endpoint, mode string, more mapping) {
	r := mapping{"url": "s3://" + bucket + "/", "endpoint": endpoint, "mode": mode}
	maps.Copy(r, more)
	c.access = append(c.access, r)
}

func (c *settings) write(dir folder) error {
	if err := os.MkdirAll(dir.blocks(), 0o700); err != nil {
		return err
	}
	all := mapping{
		"listen": c.listen, "endpoints": c.endpoints, "access": c.access,
		"volumes": []mapping{{"driver": "directory", "root": dir.blocks()}},
	}
	if c.issuer != nil {
		all["issuer"] = c.issuer
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(dir.config(), text, 0o600)
}
