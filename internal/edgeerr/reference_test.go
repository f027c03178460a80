package edgeerr

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

var update = flag.Bool("update", false, "write docs/errors.md")

const referenceFile = "../../docs/errors.md"

func TestTheReferenceIsCurrent(t *testing.T) {
	want := reference()
	if *update {
		testkit.Must(t, os.WriteFile(referenceFile, []byte(want), 0o644))
		return
	}
	got := testkit.Read(t, referenceFile)
	if got != want {
		t.Error("docs/errors.md is not what the table of errors says; run: go generate ./internal/edgeerr")
	}
}

func TestTheReferenceNamesEveryCodeOnce(t *testing.T) {
	text := reference()
	for _, c := range Codes() {
		if n := strings.Count(text, "| `"+c.String()+"` |"); n != 1 {
			t.Errorf("%v stands in %d rows, want 1", c, n)
		}
	}
}

const intro = "<!-- Generated from internal/edgeerr by go generate ./internal/edgeerr; do not edit. -->\n" + `
# Errors

When a request fails, find out first who speaks: a response with the field
` + "`x-apim-edge-error`" + ` was made by apim-edge, every other one came from the upstream
and was passed on with its status and body untouched. Only apim-edge can say this:
it takes ` + "`x-apim-edge-*`" + ` off the upstream's responses.

The body fits both worlds: OpenAI SDKs show ` + "`error.message`" + `, users of API
Management know ` + "`statusCode` and `message`" + `. The field ` + "`x-request-id`" + ` leads to the
access line in the log, which names the same code.

` + "```json\n%s\n```" + `

## Answers that apim-edge makes

OpenAI SDKs send a request up to three times on 408, 409, 429 and every 5xx.
apim-edge tells them with ` + "`x-should-retry`" + ` where that helps and where it would harm,
because the upstream may already have begun to work. *SDK's choice* means that it
says nothing, *what may run twice* that it says yes to idempotent methods (GET, PUT,
DELETE and the like) and no to others (POST, PATCH).

| code | status | type | side | sent again | what happened | what to do |
|---|---|---|---|---|---|---|
`

const logsOnly = `
## In logs and metrics only

Here the response head was out already, or nobody is there to read an answer.
The client sees its connection end before the message does.

| code | side | what happened | what to do |
|---|---|---|---|
`

// reference writes docs/errors.md.
func reference() string {
	var out strings.Builder
	fmt.Fprintf(&out, intro, example())
	for _, c := range Codes() {
		if c.Status() != 0 {
			fmt.Fprintf(&out, "| `%v` | %d | `%s` | %v | %s | %s | %s |\n",
				c, c.Status(), c.Type(), c.Source(), sentAgain(c), cell(c.Meaning()), cell(c.Advice()))
		}
	}
	out.WriteString(logsOnly)
	for _, c := range Codes() {
		if c.Status() == 0 {
			fmt.Fprintf(&out, "| `%v` | %v | %s | %s |\n", c, c.Source(), cell(c.Meaning()), cell(c.Advice()))
		}
	}
	return out.String()
}

func sentAgain(c Code) string {
	text := [...]string{RetryUnsaid: "SDK's choice", RetryYes: "yes", RetryNo: "no"}[c.Retry(false)]
	if c.Retry(true) != c.Retry(false) {
		text = "what may run twice"
	}
	if after := c.RetryAfter(); after > 0 {
		text += fmt.Sprintf(", after %d s", after)
	}
	return text
}

// cell keeps a text from being read as HTML or as the end of a cell.
func cell(text string) string {
	return strings.NewReplacer("<", `\<`, "|", `\|`).Replace(text)
}

func example() string {
	c := UpstreamConnectFailed
	text := New(c, "").Text()
	return fmt.Sprintf(`{
  "statusCode": %d,
  "message": %s,
  "error": {"message": %[2]s, "type": %s, "code": %s, "param": null}
}`, c.Status(), quote(text), quote(c.Type()), quote(c.String()))
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
