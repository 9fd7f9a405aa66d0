// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"strings"
)

const keepServiceInfix = "bi6l4"

// KeepService is a Keep service to announce to clients.
type KeepService struct {
	UUID string `json:"uuid"`
	Host string `json:"service_host"`
	Port int    `json:"service_port"`
	// SSL says that the service speaks https.
	SSL bool `json:"service_ssl_flag"`
	// Type is "disk" or "proxy".
	Type     string `json:"service_type"`
	ReadOnly bool   `json:"read_only"`
}

func (s *Server) keepServiceResource() *resource {
	columns := []column{
		{name: "uuid", kind: typeString},
		{name: "owner_uuid", kind: typeString},
		{name: "service_host", kind: typeString},
		{name: "service_port", kind: typeInteger},
		{name: "service_ssl_flag", kind: typeBoolean},
		{name: "service_type", kind: typeString},
		{name: "read_only", kind: typeBoolean},
	}
	return &resource{
		name: "keep_services", object: "keep_service", schema: "KeepService", kind: "arvados#keepService", infix: keepServiceInfix,
		from:    func() (clause, error) { return s.keepServiceRows(columns) },
		visible: everything,
		columns: columns,
	}
}

// keepServiceRows turns the list from the options into rows, so that filters
// and pages work on it as on a table.
func (s *Server) keepServiceRows(columns []column) (clause, error) {
	text, err := json.Marshal(s.options.KeepServices())
	if err != nil {
		return clause{}, storage(err)
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = "json_extract(value, '$." + c.name + "') AS " + c.name
		if c.name == "owner_uuid" {
			parts[i] = "'" + s.systemUUID(userInfix) + "' AS owner_uuid"
		}
	}
	return clause{"(SELECT " + strings.Join(parts, ", ") + " FROM json_each(?))", []any{string(text)}}, nil
}

// accessibleKeepServices lists the services for this client: proxies for
// those outside the site, all others for those inside.
func (s *Server) accessibleKeepServices(r *request) (any, error) {
	op := "IS NOT"
	if r.Header.Get("X-External-Client") == "1" {
		op = "IS"
	}
	return s.list(r, s.resources.keepServices, clause{"service_type " + op + " 'proxy'", nil})
}
