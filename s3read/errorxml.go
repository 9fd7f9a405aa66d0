// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// Limits of an error document.
const (
	maxErrorBody   = 64 << 10
	maxErrorTokens = 1000
	maxErrorDepth  = 4
)

// errorDocument is what we use of an S3 error body.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
type errorDocument struct {
	code, message, region, storageClass string
	size                                int64 // -1 if not given
}

// parseErrorXML reads an error body. Whatever cannot be parsed is left out: an
// empty document means that only the status is known.
func parseErrorXML(body []byte) errorDocument {
	d := errorDocument{size: -1}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var path []string
	for range maxErrorTokens {
		token, err := decoder.Token()
		if err != nil {
			return d
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			if len(path) > maxErrorDepth || path[0] != "Error" && path[0] != "ErrorResponse" {
				return d
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 1 {
				d.set(path[len(path)-1], strings.TrimSpace(string(t)))
			}
		case xml.Directive:
			return d // a document type: no S3 server sends one
		}
	}
	return d
}

// set keeps the first text of each element that we use.
func (d *errorDocument) set(element, text string) {
	field := map[string]*string{"Code": &d.code, "Message": &d.message, "Region": &d.region, "StorageClass": &d.storageClass}[element]
	switch {
	case element == "ActualObjectSize" && d.size < 0:
		d.size = decimal(text)
	case field != nil && *field == "":
		*field = word(text, element == "Message")
	}
}

// word makes text of a reply safe for sentences and logs: printable ASCII, at
// most 200 bytes, and except in messages only the characters of names.
func word(s string, message bool) string {
	keep := func(r rune) rune {
		name := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
		if name || message && ' ' <= r && r <= '~' {
			return r
		}
		return -1
	}
	return clip(strings.Map(keep, clip(s, 1000)), 200)
}
