//go:build e2e

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// errorBody is the one JSON body of every error that the edge makes.
type errorBody struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	Error      struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Code    string  `json:"code"`
		Param   *string `json:"param"`
	} `json:"error"`
}

// errorCheck wants the response to be the edge's own for the code, with all
// that internal/edgeerr derives from it.
func errorCheck(name string) (responseCheck, error) {
	for _, code := range edgeerr.Codes() {
		if code.String() == name {
			return func(r *received) error { return checkError(r, code) }, nil
		}
	}
	return nil, fmt.Errorf("error %s: no such code", name)
}

func checkError(r *received, code edgeerr.Code) error {
	after := ""
	if code.RetryAfter() > 0 {
		after = strconv.Itoa(code.RetryAfter())
	}
	retry := map[edgeerr.Retry]string{edgeerr.RetryYes: "true", edgeerr.RetryNo: "false"}[code.Retry(idempotent(r.method))]
	faults := []error{
		wantEqual("status", code.Status(), r.Status()),
		wantEqual("x-apim-edge-error", code.String(), one(r, "x-apim-edge-error")),
		wantEqual("x-should-retry", retry, one(r, "x-should-retry")),
		wantEqual("retry-after", after, one(r, "retry-after")),
		wantEqual("cache-control", "no-store", one(r, "cache-control")),
	}
	if len(one(r, "x-request-id")) == 0 {
		faults = append(faults, errors.New("want one x-request-id, got none"))
	}
	if r.method != "HEAD" {
		faults = append(faults, checkErrorBody(r, code))
	}
	return errors.Join(faults...)
}

// idempotent is written down a second time: RFC 9110 section 9.2.2.
func idempotent(method string) bool {
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}, method)
}

// one returns the value of a field that must not stand there twice.
func one(r *received, name string) string { return strings.Join(r.Values(name), " AND ") }

func checkErrorBody(r *received, code edgeerr.Code) error {
	var body errorBody
	decoder := json.NewDecoder(strings.NewReader(string(r.Body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return fmt.Errorf("body %q of an error: %w", r.Body, err)
	}
	faults := []error{
		wantEqual("content-type", "application/json", strings.ToLower(strings.Split(one(r, "content-type"), ";")[0])),
		wantEqual("statusCode", code.Status(), body.StatusCode),
		wantEqual("error.code", code.String(), body.Error.Code),
		wantEqual("error.type", code.Type(), body.Error.Type),
		wantEqual("message and error.message", body.Message, body.Error.Message),
	}
	if secret := secretRe.FindString(string(r.Body)); secret != "" {
		faults = append(faults, fmt.Errorf("the body contains the secret %q", secret))
	}
	if body.Message == "" {
		faults = append(faults, errors.New("message: want a text, got none"))
	}
	return errors.Join(faults...)
}
