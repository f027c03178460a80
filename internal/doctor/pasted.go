package doctor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
)

// Meaning is what an error text is known as.
type Meaning struct {
	Name  string `json:"hint"`
	Owner string `json:"owner"`
	// Whose is who said it, in words.
	Whose  string `json:"whose"`
	Means  string `json:"means"`
	Do     string `json:"do"`
	Source string `json:"source,omitempty"`
	Known  bool   `json:"known"`
}

// Explain says what an error means that somebody has pasted: a stack trace, JSON, or one
// line of either. It repeats nothing of the text.
func Explain(text string) Meaning {
	if c := edgeCode(text); c != edgeerr.None {
		return Meaning{c.String(), "apim-edge", "apim-edge itself", c.Meaning(), c.Advice(), "docs/errors.md", true}
	}
	h := hint.In(text, statusIn(text))
	if named := hintNamed(text); named != hint.Unknown {
		h = named // a line of the edge's log
	}
	if h == hint.None {
		return Meaning{"content_filter", hint.AzureOpenAI.String(), hint.AzureOpenAI.Title(),
			"the prompt or the answer was filtered: nothing is wrong on the way", "change the prompt, or the content filter of the deployment", "", true}
	}
	if h != hint.Unknown {
		return Meaning{h.String(), h.Owner().String(), h.Owner().Title(), h.Means(), h.Change(), h.Source(), true}
	}
	folded := strings.ToLower(text)
	for _, c := range clues {
		if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(folded, w) }) {
			return Meaning{c.name, "client", "the client: no answer has come to it, or it does not show it", c.means, c.do, c.source, true}
		}
	}
	return Meaning{Name: h.String(), Owner: h.Owner().String(), Whose: h.Owner().Title(), Means: h.Means(),
		Do: "paste the answer's body, or ask the API itself: apim-edge doctor --upstream URL"}
}

// edgeCode finds the code of an error of the edge. Codes of one word are words of
// everybody.
func edgeCode(text string) edgeerr.Code {
	for _, c := range edgeerr.Codes() {
		if strings.Contains(c.String(), "_") && regexp.MustCompile(`\b`+c.String()+`\b`).MatchString(text) {
			return c
		}
	}
	return edgeerr.None
}

// hintNamed returns the hint whose name stands in a text.
func hintNamed(text string) hint.Hint {
	for _, h := range hint.All() {
		if strings.Contains(h.String(), "_") && regexp.MustCompile(`\b`+h.String()+`\b`).MatchString(text) {
			return h
		}
	}
	return hint.Unknown
}

var statusNumber = regexp.MustCompile(`(?i)(?:HTTP/[\d.]+|status(?:code)?|code|error)\W{0,5}([45]\d\d)\b`)

// statusIn finds the status in a text, 0 for none.
func statusIn(text string) int {
	m := statusNumber.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // three digits
	return n
}

// clues are texts of clients, where no answer has come, or none that they show. The
// words are in lower case; one of them is enough.
var clues = []struct {
	name, means, do, source string
	words                   []string
}{
	{"client_hides_body", "openai (npm) 4 and 6 show an error of API Management so: its body has no member \"error\"",
		"look into the edge's access line, or send the same request with curl", "docs/hints.md", []string{"status code (no body)"}},
	{"client_went_elsewhere", "the request went to OpenAI itself, and not to your API", "set base_url, or OPENAI_BASE_URL, to the edge's address and /openai/v1",
		"README.md", []string{"incorrect api key provided", "platform.openai.com/account/api-keys"}},
	{"client_cors", "a browser kept the answer from the page: CORS does not allow its origin, or the answer carries its field twice",
		"set cors.allowed_origins of the route; the edge's log has the origin", "docs/configuration.md", []string{"blocked by cors", "cross-origin request blocked", "access-control-allow-origin"}},
	{"client_tls", "the client does not trust the certificate that it was shown", "give the client the authority that signed it (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS); from the edge towards the API it is tls.ca_file",
		"docs/operations.md", []string{"certificate verify failed", "certificate_verify_failed", "unable to get local issuer", "self-signed certificate", "self signed certificate", "x509:", "unable_to_verify_leaf"}},
	{"client_dns", "the client does not find the name", "look at the host in base_url, and at DNS as the client sees it", "docs/operations.md",
		[]string{"getaddrinfo", "no such host", "name or service not known", "enotfound", "nodename nor servname", "temporary failure in name resolution"}},
	{"client_refused", "nobody listens where the client connects to", "look at host and port in base_url, and whether the edge runs", "docs/operations.md",
		[]string{"econnrefused", "connection refused", "actively refused"}},
	{"client_timeout", "the client gave up waiting", "reasoning models think for minutes: raise the client's timeout; apim-edge doctor --idle shows whether the network cuts silent connections", "docs/streaming.md",
		[]string{"timed out", "etimedout", "read timeout", "request timeout"}},
	{"client_cut", "the connection ended before the answer did", "the edge's access line says who ended it, as its cause", "docs/streaming.md",
		[]string{"incomplete chunked read", "connection reset", "econnreset", "socket hang up", "premature close", "unexpected eof", "peer closed connection"}},
}
