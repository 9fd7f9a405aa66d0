// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import "net/http"

// maxRequestSize is the largest manifest that stock clients may expect to
// store; it is announced as Arvados announces it.
const maxRequestSize = 128 << 20

// getConfig answers with the part of a cluster configuration that Arvados
// shows to everyone, as far as it is true here.
func (s *Server) getConfig(r *request) (any, error) {
	return object{
		"ClusterID": s.cluster,
		"API":       object{"MaxRequestSize": maxRequestSize, "MaxItemsPerResponse": maxLimit},
		"Collections": object{
			"BlobSigning":          true,
			"BlobSigningTTL":       s.options.BlobSigningTTL.String(),
			"DefaultReplication":   defaultReplication,
			"DefaultTrashLifetime": trashLifetime.String(),
			// A version is kept when preserve_version asks for it, else not.
			"CollectionVersioning":  true,
			"PreserveVersionIfIdle": "-1s",
		},
		"StorageClasses": object{"default": object{"Default": true, "Priority": 0}},
		"Services":       object{"Controller": object{"ExternalURL": s.baseURL(r.Request) + "/"}},
	}, nil
}

// baseURL is how clients reach this server.
func (s *Server) baseURL(r *http.Request) string {
	if s.options.URL != "" {
		return s.options.URL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
