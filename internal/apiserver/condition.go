// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

// conditionParameter is a parameter of updates that Arvados does not have. A
// client that changes what it loaded says by it what that was, so that the
// change of another client in between is never overwritten unseen.
const conditionParameter = "if_unchanged"

// condition is what a collection must still be for an update of it.
type condition struct {
	PDH        string `json:"portable_data_hash"`
	ModifiedAt string `json:"modified_at"`
}

// condition reads the parameter. It is nil when there is none.
func (r *request) condition() (*condition, error) {
	text := r.query.Get(conditionParameter)
	if text == "" {
		return nil, nil
	}
	var c condition
	unread := decodeStrictly([]byte(text), &c)
	at, err := parseTime(c.ModifiedAt)
	if unread != nil || err != nil || c.PDH == "" {
		return nil, invalid("%s must be the portable_data_hash and modified_at of the collection as it was loaded", conditionParameter)
	}
	c.ModifiedAt = formatTime(at)
	return &c, nil
}

// holds reports an error if the collection is not what the condition says. It
// must be asked in the transaction of the update.
func (c *condition) holds(now object) error {
	if c == nil || now["portable_data_hash"] == c.PDH && now["modified_at"] == c.ModifiedAt {
		return nil
	}
	return fail(Conflict, "the collection %s was changed since it was loaded: load it again and repeat the changes", now["uuid"])
}
