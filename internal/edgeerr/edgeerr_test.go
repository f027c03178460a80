package edgeerr

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What may have run once may run again where the method is idempotent.
var mayRunTwice = map[Code]Retry{UpstreamClosedEarly: RetryYes, UpstreamHeadTimeout: RetryYes, UpstreamStalled: RetryYes}

// The contract with clients, written down a second time: a change to a code, a
// status or a hint breaks somebody's alerts or retries and has to be meant.
func TestCodesKeepTheirStatusHintAndSide(t *testing.T) {
	for _, tc := range []struct {
		code   Code
		name   string
		status int
		retry  Retry
		after  int
		source Source
	}{
		{RequestMalformed, "request_malformed", 400, RetryNo, 0, Client},
		{AddressNotAllowed, "address_not_allowed", 403, RetryNo, 0, Client},
		{HeaderNotAllowed, "header_not_allowed", 403, RetryNo, 0, Client},
		{AmbiguousCredential, "ambiguous_credential", 400, RetryNo, 0, Client},
		{MalformedCredential, "malformed_credential", 400, RetryNo, 0, Client},
		{CredentialMissing, "credential_missing", 401, RetryNo, 0, Client},
		{TokenMissing, "token_missing", 401, RetryNo, 0, Client},
		{TokenInvalid, "token_invalid", 401, RetryNo, 0, Client},
		{TokenExpired, "token_expired", 401, RetryNo, 0, Client},
		{ClientUnknown, "client_unknown", 401, RetryNo, 0, Client},
		{ClientExpired, "client_expired", 401, RetryNo, 0, Client},
		{ClaimMissing, "claim_missing", 403, RetryNo, 0, Client},
		{ClientNotAllowed, "client_not_allowed", 403, RetryNo, 0, Client},
		{KeysUnavailable, "keys_unavailable", 503, RetryYes, 5, Edge},
		{RateLimited, "rate_limited", 429, RetryYes, 1, Client},
		{LimitsUnavailable, "limits_unavailable", 503, RetryYes, 1, Edge},
		{RouteNotFound, "route_not_found", 404, RetryNo, 0, Client},
		{BridgeImpossible, "bridge_impossible", 404, RetryNo, 0, Client},
		{ModelNotFound, "model_not_found", 404, RetryNo, 0, Client},
		{ModelUnreadable, "model_unreadable", 400, RetryNo, 0, Client},
		{ModelTooFar, "model_too_far", 413, RetryNo, 0, Client},
		{BodyEncoded, "body_encoded", 415, RetryNo, 0, Client},
		{MethodNotAllowed, "method_not_allowed", 405, RetryNo, 0, Client},
		{RequestTimeout, "request_timeout", 408, RetryUnsaid, 0, Client},
		{BodyTooLarge, "body_too_large", 413, RetryNo, 0, Client},
		{URITooLong, "uri_too_long", 414, RetryNo, 0, Client},
		{ExpectationFailed, "expectation_failed", 417, RetryNo, 0, Client},
		{HeadTooLarge, "head_too_large", 431, RetryNo, 0, Client},
		{Internal, "internal", 500, RetryNo, 0, Edge},
		{CodingNotSupported, "coding_not_supported", 501, RetryNo, 0, Client},
		{VersionNotSupported, "version_not_supported", 505, RetryNo, 0, Client},
		{UpstreamUnresolved, "upstream_unresolved", 502, RetryYes, 0, Upstream},
		{UpstreamConnectFailed, "upstream_connect_failed", 502, RetryYes, 0, Upstream},
		{UpstreamTLSFailed, "upstream_tls_failed", 502, RetryNo, 0, Upstream},
		{UpstreamClosedEarly, "upstream_closed_early", 502, RetryNo, 0, Upstream},
		{UpstreamInvalidResponse, "upstream_invalid_response", 502, RetryNo, 0, Upstream},
		{EdgeOverloaded, "edge_overloaded", 503, RetryYes, 1, Edge},
		{EdgeDraining, "edge_draining", 503, RetryYes, 1, Edge},
		{UpstreamUnavailable, "upstream_unavailable", 503, RetryYes, 1, Edge},
		{UpstreamConnectTimeout, "upstream_connect_timeout", 504, RetryYes, 0, Upstream},
		{UpstreamHeadTimeout, "upstream_head_timeout", 504, RetryNo, 0, Upstream},
		{UpstreamAborted, "upstream_aborted", 0, RetryUnsaid, 0, Upstream},
		{ClientLeft, "client_left", 0, RetryUnsaid, 0, Client},
		{ClientStalled, "client_stalled", 0, RetryUnsaid, 0, Client},
		{StreamIdle, "stream_idle", 0, RetryUnsaid, 0, Upstream},
		{DrainAborted, "drain_aborted", 0, RetryUnsaid, 0, Edge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.code
			if c.String() != tc.name || c.Status() != tc.status || c.Retry(false) != tc.retry || c.Retry(true) != cmp.Or(mayRunTwice[tc.code], tc.retry) || c.RetryAfter() != tc.after || c.Source() != tc.source {
				t.Errorf("got %v, status %d, retry %d, after %d, side %v", c, c.Status(), c.Retry(false), c.RetryAfter(), c.Source())
			}
		})
	}
}

func TestEveryCodeIsCompleteAndReadable(t *testing.T) {
	codes := Codes()
	if len(codes) != int(count)-1 {
		t.Fatalf("%d codes, want %d", len(codes), int(count)-1)
	}
	seen := map[string]bool{"none": true}
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	openAI := map[string]bool{invalidRequest: true, authentication: true, serverError: true, overloaded: true, rateLimit: true}
	for _, c := range codes {
		t.Run(c.String(), func(t *testing.T) {
			if !snake.MatchString(c.String()) || seen[c.String()] {
				t.Errorf("name %q is taken or not in snake case", c)
			}
			seen[c.String()] = true
			if s := c.Status(); s != 0 && (s < 400 || s > 599) {
				t.Errorf("status %d is no error", s)
			}
			if !openAI[c.Type()] {
				t.Errorf("type %q is none of OpenAI's", c.Type())
			}
			for _, text := range []string{c.Meaning(), c.Advice()} {
				if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
					t.Errorf("text %q is empty, has a line end or ends with a dot", text)
				}
			}
		})
	}
}

// An SDK repeats on 408, 409, 429 and every 5xx unless it is told not to, and
// takes Retry-After only as a hint for how long to wait.
func TestRetryHintsDoNotContradictEachOther(t *testing.T) {
	for _, c := range Codes() {
		switch {
		case c.RetryAfter() > 0 && c.Retry(false) != RetryYes:
			t.Errorf("%v says when to repeat, but not that it helps", c)
		case c.Status() >= 500 && c.Retry(false) == RetryUnsaid:
			t.Errorf("%v leaves the repeat of a %d to chance", c, c.Status())
		case c.Status() == 0 && (c.Retry(false) != RetryUnsaid || c.RetryAfter() != 0):
			t.Errorf("%v is never answered and has a hint", c)
		}
	}
}

// TestAWaitThatIsKnown holds what is said of it: SDKs do not wait longer than a minute,
// and come too early, several times, unless they are told not to come.
func TestAWaitThatIsKnown(t *testing.T) {
	for _, tc := range []struct {
		err   Error
		wait  time.Duration
		retry Retry
	}{
		{Error{Code: RateLimited}, time.Second, RetryYes},
		{Error{Code: RateLimited, After: 40 * time.Millisecond}, 40 * time.Millisecond, RetryYes},
		{Error{Code: RateLimited, After: time.Minute}, time.Minute, RetryYes},
		{Error{Code: RateLimited, After: time.Minute + 1}, time.Minute + 1, RetryNo},
		{Error{Code: BodyTooLarge}, 0, RetryNo},
	} {
		if got, retry := tc.err.Wait(), tc.err.Retry(false); got != tc.wait || retry != tc.retry {
			t.Errorf("%+v: wait %v, retry %v, want %v, %v", tc.err, got, retry, tc.wait, tc.retry)
		}
	}
}

func TestAnErrorSpeaksToTheClientAndToTheLog(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	for _, tc := range []struct {
		name      string
		err       *Error
		text, log string
	}{
		{"with a message", New(BodyTooLarge, "the body has more than 5 bytes"),
			"the body has more than 5 bytes", "body_too_large: the body has more than 5 bytes"},
		{"with a cause, which the client is not told", Wrap(UpstreamClosedEarly, cause),
			UpstreamClosedEarly.Meaning() + "; " + UpstreamClosedEarly.Advice(), "upstream_closed_early: unexpected EOF"},
		{"with both", &Error{Code: Internal, Message: "sorry", Err: cause}, "sorry", "internal: sorry: unexpected EOF"},
		{"with neither", New(EdgeDraining, ""), EdgeDraining.Meaning() + "; " + EdgeDraining.Advice(), "edge_draining"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err.Text() != tc.text || tc.err.Error() != tc.log {
				t.Errorf("Text %q, Error %q; want %q and %q", tc.err.Text(), tc.err.Error(), tc.text, tc.log)
			}
		})
	}
	if !errors.Is(Wrap(ClientLeft, cause), cause) {
		t.Error("the cause is not found in the chain")
	}
}

func TestCodeOfFindsTheCodeInAChain(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want Code
	}{
		{"no error", nil, None},
		{"an Error", New(RouteNotFound, ""), RouteNotFound},
		{"one that is wrapped", fmt.Errorf("while relaying: %w", New(StreamIdle, "")), StreamIdle},
		{"the outermost counts", Wrap(UpstreamAborted, New(StreamIdle, "")), UpstreamAborted},
		{"a foreign error", io.EOF, Internal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := CodeOf(tc.err); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
