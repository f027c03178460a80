package curl

import (
	"errors"
	"net/url"
	"strings"
)

// address is a URL as curl takes it apart.
type address struct {
	scheme, host, path string
	query              *string
	user               *string // decoded
}

// splitURL takes a URL apart as curl does: without a scheme it is http, a fragment
// stays at home, user and password become a field, and dots in the path are
// resolved.
func (t *transfer) splitURL(text string) (address, error) {
	var u address
	if strings.TrimSpace(text) == "" {
		return u, errors.New("an argument is empty, or a space: is there one behind the character that continues a line, or is a variable empty?")
	}
	if strings.HasPrefix(text, mark) {
		return u, errors.New("the URL begins with a variable whose value is not known: host and path decide; set it in front of the command (NAME=value), or write it out")
	}
	if !t.globoff && (strings.ContainsAny(text, "{}") || strings.Contains(brackets(text), "[")) {
		return u, errors.New("curl makes several URLs of one with {} or []; write one of them, or add -g")
	}
	text, _, _ = strings.Cut(text, "#")
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.ContainsAny(scheme, "/?.@[") {
		scheme, rest = t.scheme, text
		if strings.HasPrefix(text, "/") && !t.from.Bare {
			return u, errors.New("the URL has no host")
		}
	}
	u.scheme = strings.ToLower(scheme)
	if u.scheme != "http" && u.scheme != "https" {
		return u, errors.New("the URL is neither http nor https")
	}
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at = len(rest)
	}
	authority, path := rest[:at], rest[at:]
	if before, query, ok := strings.Cut(path, "?"); ok {
		path, u.query = before, &query
	}
	if u.path = "/" + strings.TrimPrefix(path, "/"); !t.asIs && !t.from.Bare {
		u.path = withoutDots(u.path)
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user := authority[:i]
		if plain, err := url.PathUnescape(user); err == nil {
			user = plain
		}
		u.user, authority = &user, authority[i+1:]
	}
	switch u.host = t.hostOf(authority, u.scheme); {
	case u.host == "" && t.from.Bare:
		u.host = "edge"
	case u.host == "":
		return u, errors.New("the URL has no host")
	case strings.ContainsFunc(u.host, func(r rune) bool { return r > 126 || r == '%' || r == ' ' || r == '\\' || r == '"' }):
		return u, errors.New("the host of the URL is not in plain ASCII; write it as xn--...")
	}
	return u, nil
}

// brackets returns what of a URL stands behind an IPv6 address.
func brackets(text string) string {
	if i := strings.Index(text, "://["); i >= 0 {
		return text[i+4:]
	}
	return strings.TrimPrefix(text, "[")
}

// hostOf returns the authority without the port that goes without saying.
func (t *transfer) hostOf(authority, scheme string) string {
	standard := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.TrimSuffix(strings.TrimSuffix(authority, standard), ":")
}

// withoutDots removes . and .. from a path (RFC 3986 section 5.2.4).
func withoutDots(path string) string {
	segments := strings.Split(path, "/")
	var out []string
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
		case "..":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.TrimPrefix(strings.Join(out, "/"), "/")
}
