package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
)

// explain makes one line of an error of the library. Its own texts are pages, with the
// whole of an answer in them; here only the status and the code of an answer are told.
func explain(ctx context.Context, err error) error {
	var auth *azidentity.AuthenticationFailedError
	var answer *azcore.ResponseError
	var network *net.OpError
	var name *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &auth) && auth.RawResponse != nil:
		return fmt.Errorf("no token: %s", ofToken(auth.RawResponse))
	case errors.As(err, &answer):
		return ofVault(answer)
	case errors.As(err, &name):
		return fmt.Errorf("the name %s has no address", name.Name)
	case errors.As(err, &network):
		return fmt.Errorf("no connection to %s: %w", host(network), root(network))
	}
	return errors.New(firstLine(err))
}

// aadsts is the number by which people find what Entra means.
var aadsts = regexp.MustCompile(`AADSTS[0-9]{3,8}`)

// ofToken says what an endpoint for tokens has answered. Of its description, which may
// change and may repeat what was sent, only the number is told.
func ofToken(r *http.Response) string {
	text := "the identity endpoint answers " + r.Status
	body, err := runtime.Payload(r) // the library has read it already
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err == nil && json.Unmarshal(body, &said) == nil && isCode(said.Error) {
		text += " (" + strings.TrimSpace(said.Error+" "+aadsts.FindString(said.Description)) + ")"
	}
	if r.StatusCode == http.StatusBadRequest && strings.Contains(r.Request.URL.Host, "169.254.169.254") {
		text += "; is this identity assigned to the machine?"
	}
	return text
}

// ofVault says what a vault has answered.
func ofVault(e *azcore.ResponseError) error {
	text := fmt.Sprintf("the vault answers %d", e.StatusCode)
	if isCode(e.ErrorCode) {
		text += " (" + e.ErrorCode + ")"
	}
	switch {
	case disabled(e):
		return fmt.Errorf("%w: the secret is disabled", upkeep.ErrWithdrawn)
	case e.StatusCode == http.StatusForbidden:
		text += "; the identity needs the role Key Vault Secrets User, and the vault's network has to let the edge in"
	case e.StatusCode == http.StatusNotFound:
		text += "; is the name of the secret right?"
	}
	return errors.New(text)
}

// disabled reports whether a vault refuses because the secret is disabled: it does not
// show the attributes then.
func disabled(e *azcore.ResponseError) bool {
	if e.StatusCode != http.StatusForbidden || e.RawResponse == nil {
		return false
	}
	body, err := runtime.Payload(e.RawResponse)
	var said struct {
		Error struct {
			InnerError struct{ Code string } `json:"innererror"`
		} `json:"error"`
	}
	return err == nil && json.Unmarshal(body, &said) == nil && said.Error.InnerError.Code == "SecretDisabled"
}

// isCode reports whether a text is a word, as the codes of errors are.
func isCode(s string) bool {
	for _, c := range []byte(s) {
		letter := c | 0x20
		if (letter < 'a' || letter > 'z') && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func host(e *net.OpError) string {
	if e.Addr == nil {
		return "it"
	}
	return e.Addr.String()
}

// root returns the innermost error, which has no address in it.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// asked is how the standard library begins the text of a failed request.
var asked = regexp.MustCompile(`(Get|Post) "[^"]*": `)

// firstLine returns the beginning of a text that has no answer in it.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line = strings.TrimPrefix(line, "ManagedIdentityCredential: ")
	line, _, _ = strings.Cut(asked.ReplaceAllString(line, ""), " To troubleshoot, visit")
	return strings.TrimSuffix(line[:min(len(line), 200)], ".")
}
