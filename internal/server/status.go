// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
)

// answer is how one kind of error goes out.
type answer struct {
	status int
	// retry says that trying again may help; Retry-After is then sent.
	retry bool
}

// answers is the one table from words to statuses. Permanent faults have a
// status that Keep clients do not retry, transient ones one that they do; 409,
// 423, 429 and 500 are not used, because the clients disagree about them.
// docs/errors.md explains each word, and a test holds the two together.
func answers() map[string]answer {
	all := refusals()
	maps.Copy(all, failures())
	return all
}

// refusals are the faults of requests.
func refusals() map[string]answer {
	return map[string]answer{
		"bad-locator":        {http.StatusBadRequest, false},
		"unpinned":           {http.StatusBadRequest, false},
		"bad-signature":      {http.StatusBadRequest, false},
		"past-end":           {http.StatusBadRequest, false},
		"bad-token":          {http.StatusBadRequest, false},
		"bad-request":        {http.StatusBadRequest, false},
		"bad-resume-token":   {http.StatusBadRequest, false},
		"wrong-size":         {http.StatusBadRequest, false},
		"hash-mismatch":      {http.StatusBadRequest, false},
		"bad-list":           {http.StatusBadRequest, false},
		"remote-block":       {http.StatusBadRequest, false},
		"no-token":           {http.StatusUnauthorized, false},
		"token-refused":      {http.StatusUnauthorized, false},
		"signature-expired":  {http.StatusUnauthorized, false},
		"not-vouched":        {http.StatusForbidden, false},
		"bucket-not-allowed": {http.StatusForbidden, false},
		"scope-needed":       {http.StatusForbidden, false},
		"user-inactive":      {http.StatusForbidden, false},
		"api-denied":         {http.StatusForbidden, false},
		"origin-not-allowed": {http.StatusForbidden, false},
		"management-token":   {http.StatusForbidden, false},
		"system-token":       {http.StatusForbidden, false},
		"creds-missing":      {http.StatusForbidden, false},
		"creds-expired":      {http.StatusForbidden, false},
		"creds-ambiguous":    {http.StatusForbidden, false},
		"sts-refused":        {http.StatusForbidden, false},
		"s3-denied":          {http.StatusForbidden, false},
		"wrong-region":       {http.StatusForbidden, false},
		"s3-not-found":       {http.StatusNotFound, false},
		"s3-no-bucket":       {http.StatusNotFound, false},
		"not-stored":         {http.StatusNotFound, false},
		"block-not-found":    {http.StatusNotFound, false},
		"no-mount":           {http.StatusNotFound, false},
		"no-route":           {http.StatusNotFound, false},
		"disabled":           {http.StatusNotFound, false},
		"method":             {http.StatusMethodNotAllowed, false},
		"size-missing":       {http.StatusMethodNotAllowed, false},
		"trash-off":          {http.StatusMethodNotAllowed, false},
		"read-only":          {http.StatusMethodNotAllowed, false},
		tooSlow:              {http.StatusRequestTimeout, false},
		"length-missing":     {http.StatusLengthRequired, false},
		"too-large":          {http.StatusRequestEntityTooLarge, false},
		"bad-range":          {http.StatusRequestedRangeNotSatisfiable, false},
		"client-not-aware":   {http.StatusUnprocessableEntity, false},
		"s3-archived":        {http.StatusUnprocessableEntity, false},
		"s3-ssec":            {http.StatusUnprocessableEntity, false},
	}
}

// failures are the faults of this server and of what it depends on.
func failures() map[string]answer {
	return map[string]answer{
		"s3-bad-reply":        {http.StatusBadGateway, true},
		"s3-changed":          {http.StatusBadGateway, false},
		"content-unavailable": {http.StatusBadGateway, false},
		"corrupt-block":       {http.StatusBadGateway, false},
		"s3-slow-down":        {http.StatusServiceUnavailable, true},
		"s3-unreachable":      {http.StatusServiceUnavailable, true},
		"api-unavailable":     {http.StatusServiceUnavailable, true},
		"creds-unavailable":   {http.StatusServiceUnavailable, true},
		"clock-skew":          {http.StatusServiceUnavailable, true},
		"volume-error":        {http.StatusServiceUnavailable, true},
		"overloaded":          {http.StatusServiceUnavailable, true},
		"rules-changed":       {http.StatusServiceUnavailable, true},
		"internal":            {http.StatusServiceUnavailable, true},
		"deadline":            {http.StatusGatewayTimeout, true},
		"volume-full":         {http.StatusInsufficientStorage, false},
		"canceled":            {statusClientGone, false},
	}
}

// statusClientGone is for the log only: nobody is there to read it.
const statusClientGone = 499

// refusal is an error of this package itself.
type refusal struct{ word, text string }

func refuse(word, format string, args ...any) error {
	return &refusal{word, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }

// Word returns the kind of the refusal.
func (r *refusal) Word() string { return r.word }

// worded is what the errors of all our packages have: a stable word and a
// sentence that is safe to show. The text of any other error stays in the log.
type worded interface {
	error
	Word() string
}

// explain turns an error into what the client is told.
func explain(err error) (word, text string) {
	var w worded
	switch {
	case errors.As(err, &w):
		return w.Word(), w.Error()
	case errors.Is(err, context.Canceled):
		return "canceled", "the client went away"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline", "the time limit of this server has passed: try again"
	}
	return "internal", "this server has a fault: its operator finds the cause in the log under the request id"
}
