package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// The functions here look at one value each. A fault is what is wrong with it
// in the words of a sentence that begins with the value's key; "" is none.

// referenceFault says why a text is no reference to a secret. It never repeats
// the text, which may be the secret itself.
func referenceFault(ref string) string {
	if _, err := secret.Parse(ref); err != nil {
		return err.Error()
	}
	return ""
}

var (
	hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
)

// isHost reports whether s is a host name or an address, without a port. An
// IPv6 address stands without brackets.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !hostLabel.MatchString(label) {
			return false
		}
	}
	return len(s) <= 253 && !digits.MatchString(labels[len(labels)-1])
}

// OnLoopback reports whether only this machine reaches an address to listen on, host:port.
func OnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopback(host)
}

// isLoopback reports whether only this machine reaches the host.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// pathFault looks at the prefix of a path. It is a plain text: with escapes
// there would be two spellings, of which a request uses the other one.
func pathFault(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "a path begins with /"
	}
	for _, c := range []byte(path) {
		if !isAlphanumeric(c) && !strings.ContainsRune("/-._~!$&'()*+,;=:@", rune(c)) {
			return "a path prefix holds letters, digits and -._~!$&'()*+,;=:@ only, nothing percent-encoded"
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "." || segment == ".." {
			return "a path prefix has no segment " + segment
		}
		if segment == "" && path != "/" {
			return "a path prefix has no empty segment (//)" // Complete took off one slash at the end
		}
	}
	return ""
}

// urlFault looks at the URL of an upstream. meant is a likely correction.
// Neither repeats a part of the URL that could be a secret.
func urlFault(raw string) (fault, meant string) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		if host, _, _ := strings.Cut(raw, "/"); isHost(host) {
			meant = "https://" + raw
		}
		return "a URL begins with https:// or http://", meant
	}
	if scheme != "https" && scheme != "http" {
		return "a URL begins with https:// or http://", ""
	}
	u, err := url.Parse(raw)
	switch {
	case strings.Contains(rest, "@") && (err != nil || u.User != nil):
		return "a URL here has no user name or password", ""
	case err != nil:
		return "this is no URL", ""
	case u.ForceQuery || u.RawQuery != "" || strings.Contains(raw, "#"):
		return "a URL here has no query and no fragment", withoutOperation(u)
	case u.Hostname() == "":
		return "the URL has no host", ""
	case !isHost(strings.TrimSuffix(u.Hostname(), ".")): // a dot makes it a name that is looked up as it is
		return "the host is no host name; write names of other scripts as xn--...", ""
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (!isPort(u.Port()) || u.Port() == "0"):
		return "the port is no number from 1 to 65535", ""
	case u.Path != "":
		return pathFault(strings.TrimPrefix(rest, u.Host)), ""
	}
	return "", ""
}

// operations end the URLs that portals and documents show, of which the beginning is
// the url of an upstream.
var operations = regexp.MustCompile(`/deployments/|/(chat/completions|completions|embeddings|responses|models|realtime|files|batches|images/\w+|audio/\w+)$`)

// withoutOperation returns the URL that is meant where a whole operation stands, or "".
func withoutOperation(u *url.URL) string {
	path := strings.TrimSuffix(u.Path, "/")
	at := operations.FindStringIndex(path)
	if at == nil {
		return ""
	}
	path = strings.TrimSuffix(path[:at[0]], "/v1")
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(path, "/openai")
}

var beforeAt = regexp.MustCompile(`(?s)^(.*//)?.*@`)

// maskURL hides what could be a secret in a URL. One without fault has none;
// in any other, secrets are cut out by pattern, since it may not even parse.
func maskURL(raw string) string {
	if fault, _ := urlFault(raw); fault == "" {
		return raw
	}
	raw, _, query := strings.Cut(beforeAt.ReplaceAllString(raw, "${1}"+masked+"@"), "?")
	if query {
		raw += "?" + masked
	}
	raw, _, _ = strings.Cut(raw, "#")
	return raw
}

func splitPort(authority string) (host, port string) {
	colon := strings.LastIndex(authority, ":")
	if colon < strings.LastIndex(authority, "]") || colon < 0 {
		return authority, ""
	}
	return authority[:colon], authority[colon+1:]
}
