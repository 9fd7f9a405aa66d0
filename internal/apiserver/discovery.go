// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"slices"
	"strings"
)

const (
	// defaultReplication is what one machine can promise.
	defaultReplication = 1
	// apiRevision tells clients which calls they may expect.
	apiRevision = "20260101"
)

// getDiscovery answers with the discovery document, which client libraries
// build their methods from. It describes what exists, no more.
func (s *Server) getDiscovery(r *request) (any, error) {
	base := s.baseURL(r.Request) + "/"
	return object{
		"kind":             "discovery#restDescription",
		"discoveryVersion": "v1",
		"id":               "arvados:v1",
		"name":             "arvados",
		"version":          "v1",
		"revision":         apiRevision,
		"title":            "Arvados API",
		"description":      "The API to interact with Arvados.",
		"protocol":         "rest",
		"rootUrl":          base,
		"servicePath":      strings.TrimPrefix(apiPath, "/"),
		"basePath":         apiPath,
		"baseUrl":          base + strings.TrimPrefix(apiPath, "/"),
		"batchPath":        "batch",
		"uuidPrefix":       s.cluster,
		"pseudoBlocks":     true,

		"conditionalUpdates": true,

		"defaultCollectionReplication": defaultReplication,
		"blobSignatureTtl":             int64(s.options.BlobSigningTTL.Seconds()),
		"maxRequestSize":               maxRequestSize,
		"maxItemsPerResponse":          maxLimit,

		"keepServices": s.options.KeepServices(),
		"parameters":   object{"alt": parameter("string", "query", false, "Format of the reply: json.")},
		"schemas":      s.describeSchemas(),
		"resources":    s.describeResources(),
	}, nil
}

func parameter(kind, location string, required bool, text string) object {
	return object{"type": kind, "location": location, "required": required, "description": text}
}

func (s *Server) describeSchemas() object {
	schemas := object{"Config": object{"id": "Config", "type": "object", "properties": object{}}}
	for _, res := range s.resources.all() {
		properties := object{"kind": object{"type": typeString}}
		for _, c := range res.columns {
			properties[c.name] = object{"type": c.kind}
		}
		schemas[res.schema] = object{"id": res.schema, "type": "object", "uuidPrefix": res.infix, "properties": properties}
		schemas[res.schema+"List"] = object{"id": res.schema + "List", "type": "object", "properties": object{
			"kind":            object{"type": typeString},
			"items":           object{"type": "array", "items": object{"$ref": res.schema}},
			"items_available": object{"type": typeInteger},
			"limit":           object{"type": typeInteger},
			"offset":          object{"type": typeInteger},
		}}
	}
	return schemas
}

func (s *Server) describeResources() object {
	described := object{}
	for _, route := range s.routes {
		if route.resource == "" {
			continue
		}
		if described[route.resource] == nil {
			described[route.resource] = object{"methods": object{}}
		}
		methods := described[route.resource].(object)["methods"].(object)
		methods[route.action] = s.describeMethod(route)
	}
	return described
}

func (s *Server) describeMethod(route route) object {
	method := object{
		"id":         "arvados." + route.resource + "." + route.action,
		"path":       strings.TrimPrefix(route.path, apiPath),
		"httpMethod": route.method,
		"parameters": describeParameters(route),
		"response":   object{"$ref": "Config"},
	}
	if strings.Contains(route.path, "{uuid}") {
		method["parameterOrder"] = []string{"uuid"}
	}
	for _, res := range s.resources.all() {
		if res.name != route.resource {
			continue
		}
		method["response"] = object{"$ref": res.schema}
		if route.lists() {
			method["response"] = object{"$ref": res.schema + "List"}
		}
		if route.action == "create" || route.action == "update" {
			method["request"] = object{"required": true, "properties": object{res.object: object{"$ref": res.schema}}}
		}
	}
	return method
}

// lists reports whether the answer is a list.
func (r *route) lists() bool {
	return slices.Contains([]string{"list", "accessible", "shared", "get_permissions"}, r.action)
}

func describeParameters(route route) object {
	p := object{}
	if strings.Contains(route.path, "{uuid}") {
		p["uuid"] = parameter("string", "path", true, "UUID of the object.")
	}
	if route.resource == "collections" {
		describeCollectionParameters(route.action, p)
	}
	if route.resource == "credentials" && route.action != "secret" {
		p["select"] = parameter("array", "query", false, "Attributes to return.")
	}
	if route.lists() {
		p["filters"] = parameter("array", "query", false, "Conditions, each [attribute, operator, operand].")
		p["order"] = parameter("array", "query", false, "Attributes to sort by, each with asc or desc.")
		p["select"] = parameter("array", "query", false, "Attributes to return.")
		p["limit"] = parameter("integer", "query", false, "The most items to return.")
		p["offset"] = parameter("integer", "query", false, "The number of items to skip.")
		p["count"] = parameter("string", "query", false, "exact or none: whether to count all matches.")
	}
	return p
}

func describeCollectionParameters(action string, p object) {
	if action == "list" || action == "get" {
		p["include_trash"] = parameter("boolean", "query", false, "Whether to show what is in the trash.")
	}
	if action == "update" {
		p[conditionParameter] = parameter("object", "query", false, "The portable_data_hash and modified_at that the collection must still have.")
	}
	switch action {
	case "list":
		p["include_old_versions"] = parameter("boolean", "query", false, "Whether to show old versions.")
	case "create", "update", "untrash":
		p["ensure_unique_name"] = parameter("boolean", "query", false, "Whether a name that is taken gets the time appended.")
		p["select"] = parameter("array", "query", false, "Attributes to return.")
	default:
		p["select"] = parameter("array", "query", false, "Attributes to return.")
	}
}
