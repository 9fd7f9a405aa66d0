// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
)

// meaning says what an error code stands for.
type meaning struct {
	// failing is an error of the service, or of who should vouch for tokens.
	failing bool
	// final cannot come from a wrong clock.
	final bool
}

// codes are those that errors may name. Any other text is left out, since a
// service could answer with what it was sent.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
var codes = map[string]meaning{
	"AccessDenied":                {final: true},
	"AccessDeniedException":       {final: true},
	"ExpiredToken":                {},
	"ExpiredTokenException":       {},
	"IDPCommunicationError":       {failing: true},
	"IDPRejectedClaim":            {},
	"IncompleteSignature":         {final: true},
	"InternalError":               {failing: true},
	"InternalFailure":             {failing: true},
	"InvalidAction":               {final: true},
	"InvalidArgument":             {},
	"InvalidClientTokenId":        {final: true},
	"InvalidIdentityToken":        {},
	"InvalidParameterCombination": {final: true},
	"InvalidParameterValue":       {},
	"InvalidRequest":              {},
	"MalformedPolicy":             {final: true},
	"MalformedPolicyDocument":     {final: true},
	"MissingParameter":            {final: true},
	"NoSuchEntity":                {final: true},
	"NotAuthorized":               {final: true},
	"OptInRequired":               {final: true},
	"PackedPolicyTooLarge":        {final: true},
	"RegionDisabledException":     {final: true},
	"RequestExpired":              {},
	"RequestTimeTooSkewed":        {},
	"ServiceUnavailable":          {failing: true},
	"SignatureDoesNotMatch":       {},
	"SlowDown":                    {failing: true},
	"Throttling":                  {failing: true},
	"ThrottlingException":         {failing: true},
	"RequestLimitExceeded":        {failing: true},
	"TooManyRequestsException":    {failing: true},
	"UnrecognizedClientException": {final: true},
	"ValidationError":             {final: true},
}

func isThrottling(code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown":
		return true
	}
	return false
}

// maxSkew is what clocks may differ without being named as the cause of a
// refusal: tokens begin 30 seconds back.
const maxSkew = 30 * time.Second

// explain turns the error of a call into ours. It keeps no text of it, also
// not as the cause. minted says that the call showed a token that was made for
// it.
func (c *Client) explain(r Request, w *wire, minted bool, err error) error {
	if own := (*creds.Error)(nil); errors.As(err, &own) {
		return own // of the server's own credentials
	}
	status, word := w.status(), code(err)
	known, ok := codes[word]
	if !ok {
		word = "no code that is known"
	}
	cause := fmt.Errorf("the STS at %s answered with status %d, %s", r.Endpoint.STSAddress(), status, word)
	skew := w.skew(c.now()).Abs()
	switch {
	case status < 400 || status >= 500 || known.failing || status == 429 || status == 408:
		return unavailable(r, reason(err, status, cause), "does not answer as it should")
	case !known.final && skew > maxSkew:
		return c.skewed(r, w, cause)
	case minted && (word == "ExpiredToken" || word == "ExpiredTokenException"):
		return &creds.Error{Kind: creds.ClockSkew, Err: cause, Text: fmt.Sprintf("the security token service of the S3 endpoint %s "+
			"takes a web token for expired that this server made a moment ago: ask the operator to check the clock of this server, and that of the service",
			r.Endpoint.Name)}
	}
	return refused(r, ok, word, cause)
}

// reason describes why there was no good reply, in words of our own: errors
// of net/http quote what came.
func reason(err error, status int, cause error) error {
	certificate, dial, timeout := new(tls.CertificateVerificationError), new(net.OpError), net.Error(nil)
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("%w: %w", cause, errTooLong)
	case errors.Is(err, errRedirect):
		return fmt.Errorf("%w: %w", cause, errRedirect)
	case status != 0:
		return cause
	case s3http.Hopeless(err) && errors.As(err, &certificate):
		return errors.New("the certificate of the STS is not trusted")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the STS gave no reply within %v", callLimit)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("the STS cannot be reached: %w", dial)
	}
	return errors.New("the connection to the STS broke, or what came is not HTTP")
}

func unavailable(r Request, cause error, what string) error {
	return &creds.Error{Kind: creds.Unavailable, Err: cause, Text: fmt.Sprintf(
		"the security token service of the S3 endpoint %s %s: try again, and tell the operator if it lasts", r.Endpoint.Name, what)}
}

func refused(r Request, named bool, word string, cause error) error {
	said := ""
	if named {
		said = " (" + word + ")"
	}
	text := fmt.Sprintf("the security token service of the S3 endpoint %s refuses a session of the role%s: ask the owner of the role to trust this server for %s",
		r.Endpoint.Name, said, r.SessionName)
	if word == "InvalidParameterValue" { // the one code of MinIO for all of these
		text += "; MinIO says this also when it does not know the role, the audience of the endpoint, or the policy of the role, which the operator can see to"
	}
	return &creds.Error{Kind: creds.RoleRefused, Err: cause, Text: text}
}

// skewed names the clock as what is wrong.
func (c *Client) skewed(r Request, w *wire, cause error) error {
	text := fmt.Sprintf("the clock of this server and that of the security token service of the S3 endpoint %s differ", r.Endpoint.Name)
	if skew := w.skew(c.now()); skew.Abs() > maxSkew {
		side := "ahead of"
		if skew < 0 {
			side = "behind"
		}
		text = fmt.Sprintf("the clock of this server is %s %s that of the security token service of the S3 endpoint %s",
			about(skew.Abs()), side, r.Endpoint.Name)
	}
	return &creds.Error{Kind: creds.ClockSkew, Err: cause, Text: text + ": ask the operator to check the clock"}
}

// about says a time in minutes, or in seconds if it is short.
func about(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second)/time.Second))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
}
