package curl

import (
	"fmt"
	"strings"
)

// Options that change how curl connects, what it prints or how often it tries, and
// nothing of the first request that the server gets. Those of the second list take
// a value. Both are curl 8's, with what older ones had.
const (
	idleFlags = `append buffer ca-native cert-status clobber compressed-ssh create-dirs crlf disable disable-eprt
		disable-epsv disallow-username-in-url doh-cert-status doh-insecure dump-ca-embed fail fail-early fail-with-body
		false-start follow form-escape ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-control
		http0.9 http1.1 http3 ignore-content-length include insecure ipv4 ipv6 junk-session-cookies keepalive list-only
		location location-trusted mail-rcpt-allowfails metalink mptcp alpn npn no-buffer no-clobber no-keepalive
		no-progress-meter no-sessionid out-null parallel parallel-immediate post301 post302 post303 progress-bar
		progress-meter proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-insecure proxy-negotiate
		proxy-ntlm proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 proxytunnel raw remote-header-name
		remote-name remote-name-all remote-time remove-on-error retry-all-errors retry-connrefused sasl-ir sessionid
		show-error show-headers silent skip-existing socks5-basic socks5-gssapi socks5-gssapi-nec ssl ssl-allow-beast
		ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort sslv2 sslv3 styled-output
		suppress-connect-headers tcp-fastopen tcp-nodelay tftp-no-options tls-earlydata tlsv1 tlsv1.0 tlsv1.1 tlsv1.2
		tlsv1.3 trace-ids trace-time use-ascii verbose xattr`
	idleValues = `abstract-unix-socket alt-svc cacert capath cert cert-type ciphers connect-timeout connect-to cookie-jar
		create-file-mode crlfile curves delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url
		dump-header ech egd-file engine etag-save expect100-timeout ftp-account ftp-alternative-to-user ftp-method
		ftp-port ftp-ssl-ccc-mode happy-eyeballs-timeout-ms hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway
		keepalive-cnt keepalive-time key key-type krb libcurl limit-rate local-port login-options mail-auth mail-from
		mail-rcpt max-filesize max-redirs max-time noproxy output output-dir parallel-max parallel-max-host pass
		pinnedpubkey preproxy proto proto-redir proxy proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers
		proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name
		proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote
		random-file rate resolve retry retry-delay retry-max-time sasl-authzid service-name sigalgs socks4 socks4a
		socks5 socks5-gssapi-service socks5-hostname speed-limit speed-time ssl-sessions stderr telnet-option
		tftp-blksize tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii trace-config unix-socket
		upload-flags vlan-priority write-out`
)

// letters are the short names.
var letters = map[byte]string{
	'#': "progress-bar", ':': "next", '0': "http1.0", '1': "tlsv1", '2': "sslv2", '3': "sslv3", '4': "ipv4", '6': "ipv6",
	'a': "append", 'A': "user-agent", 'b': "cookie", 'B': "use-ascii", 'c': "cookie-jar", 'C': "continue-at", 'd': "data",
	'D': "dump-header", 'e': "referer", 'E': "cert", 'f': "fail", 'F': "form", 'g': "globoff", 'G': "get", 'h': "help",
	'H': "header", 'i': "include", 'I': "head", 'j': "junk-session-cookies", 'J': "remote-header-name", 'k': "insecure",
	'K': "config", 'l': "list-only", 'L': "location", 'm': "max-time", 'M': "manual", 'n': "netrc", 'N': "no-buffer",
	'o': "output", 'O': "remote-name", 'p': "proxytunnel", 'P': "ftp-port", 'q': "disable", 'Q': "quote", 'r': "range",
	'R': "remote-time", 's': "silent", 'S': "show-error", 't': "telnet-option", 'T': "upload-file", 'u': "user",
	'U': "proxy-user", 'v': "verbose", 'V': "version", 'w': "write-out", 'x': "proxy", 'X': "request", 'y': "speed-time",
	'Y': "speed-limit", 'z': "time-cond", 'Z': "parallel",
}

// flags and values are the options that decide what is sent.
var flags = map[string]func(*transfer){
	"get": func(t *transfer) { t.get = true }, "head": func(t *transfer) { t.head = true },
	"globoff": func(t *transfer) { t.globoff = true }, "compressed": func(t *transfer) { t.compressed = true },
	"tr-encoding": func(t *transfer) { t.trEncoding = true }, "path-as-is": func(t *transfer) { t.asIs = true },
	"http1.0": func(t *transfer) { t.http10 = true }, "http2": func(t *transfer) { t.http2 = true },
	"basic": func(t *transfer) { t.auth = "" }, "digest": func(t *transfer) { t.auth = "digest" },
	"anyauth": func(t *transfer) { t.auth = "anyauth" },
}

var values = map[string]func(*transfer, string) error{
	"request":        func(t *transfer, v string) error { t.method = v; return nil },
	"url":            func(t *transfer, v string) error { t.urls = append(t.urls, v); return nil },
	"header":         (*transfer).header,
	"data":           func(t *transfer, v string) error { return t.data(v, stripped) },
	"data-ascii":     func(t *transfer, v string) error { return t.data(v, stripped) },
	"data-binary":    func(t *transfer, v string) error { return t.data(v, whole) },
	"data-raw":       func(t *transfer, v string) error { return t.data(v, literal) },
	"data-urlencode": (*transfer).dataURLEncode,
	"json":           (*transfer).json,
	"url-query":      (*transfer).urlQuery,
	"form":           func(t *transfer, v string) error { t.forms = append(t.forms, form{v, false}); return nil },
	"form-string":    func(t *transfer, v string) error { t.forms = append(t.forms, form{v, true}); return nil },
	"upload-file":    func(t *transfer, v string) error { t.uploads = append(t.uploads, v); return nil },
	"user":           func(t *transfer, v string) error { t.user = &v; return nil },
	"oauth2-bearer":  func(t *transfer, v string) error { t.bearer = &v; return nil },
	"user-agent":     func(t *transfer, v string) error { t.agent = &v; return nil },
	"referer":        func(t *transfer, v string) error { t.referer, _, _ = strings.Cut(v, ";auto"); return nil },
	"cookie":         (*transfer).cookie,
	"range":          func(t *transfer, v string) error { t.rang = v; return nil },
	"request-target": func(t *transfer, v string) error { t.target = v; return nil },
	"proto-default":  func(t *transfer, v string) error { t.scheme = strings.ToLower(v); return nil },
}

// refused are the options that would change the request in a way that is not
// worked out here. The text is the next step.
var refused = map[string]string{
	"config": "write the options of the file into the line", "next": "",
	"netrc": "write the user with -u", "netrc-optional": "write the user with -u", "netrc-file": "write the user with -u",
	"ntlm": "leave it out", "ntlm-wb": "leave it out", "negotiate": "leave it out", "aws-sigv4": "leave it out",
	"continue-at": "write the range with -r", "time-cond": "write the field with -H", "etag-compare": "write the field with -H",
	"variable":              "write the value into the line",
	"haproxy-protocol":      "apim-edge does not read the PROXY protocol; leave it out",
	"haproxy-clientip":      "apim-edge does not read the PROXY protocol; leave it out",
	"http2-prior-knowledge": "apim-edge speaks HTTP/1.1 and would refuse such a connection; leave it out",
	"http3-only":            "apim-edge speaks HTTP/1.1 and would refuse such a connection; leave it out",
	"help":                  "with it curl sends nothing; leave it out", "manual": "with it curl sends nothing; leave it out",
	"version": "with it curl sends nothing; leave it out",
}

var refusedWithValue = fieldSet("config netrc-file aws-sigv4 continue-at time-cond etag-compare variable haproxy-clientip")

var idle, idleWithValue = fieldSet(idleFlags), fieldSet(idleValues)

func fieldSet(names string) map[string]bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(names) {
		set[n] = true
	}
	return set
}

func takesValue(name string) bool {
	return values[name] != nil || idleWithValue[name] || refusedWithValue[name]
}

// option carries out one option; rest are the words behind it. The value of one
// that takes one is joined to it, or the first of rest.
func (t *transfer) option(shown, name string, joined *string, rest []string) ([]string, error) {
	value := ""
	if takesValue(name) {
		switch {
		case joined != nil:
			value = *joined
		case len(rest) == 0:
			return nil, fmt.Errorf("curl: %s needs a value", shown)
		default:
			value, rest = rest[0], rest[1:]
		}
	}
	switch {
	case values[name] != nil:
		if err := values[name](t, value); err != nil {
			return nil, fmt.Errorf("curl: %s: %w", shown, err)
		}
	case flags[name] != nil:
		flags[name](t)
	case idle[name], idleWithValue[name], strings.HasPrefix(name, "no-") && idle[name[3:]]:
	case refused[name] != "":
		return nil, fmt.Errorf("curl: %s is not understood here; %s", shown, refused[name])
	default:
		return nil, fmt.Errorf("curl: %s is not understood here; if it changes nothing of what is sent, leave it out", shown)
	}
	return rest, nil
}

// take carries out the words of a command. Each --next begins another transfer.
func (c *Command) take() ([]*transfer, error) {
	t := newTransfer(c)
	all := []*transfer{t}
	plain := false // behind --
	for words := c.Words; len(words) > 0; {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case plain || len(word) < 2 || word[0] != '-':
			t.urls = append(t.urls, word)
		case word == "--":
			plain = true
		case word == "--next" || word == "-:":
			t = newTransfer(c)
			all = append(all, t)
		case word[1] == '-':
			name, joined := word[2:], (*string)(nil)
			if n, v, ok := strings.Cut(name, "="); ok && takesValue(n) {
				name, joined = n, &v
			}
			words, err = t.option("--"+shownName(name), name, joined, words)
		default:
			words, err = t.letters(word[1:], words)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// letters carries out a word of short options: -sX POST, -sXPOST.
func (t *transfer) letters(word string, rest []string) (_ []string, err error) {
	for i := 0; i < len(word); i++ {
		name, known := letters[word[i]]
		shown := "-" + shownName(word[i:i+1])
		if !known {
			return nil, fmt.Errorf("curl: %s is not understood here; if it changes nothing of what is sent, leave it out", shown)
		}
		if takesValue(name) && i+1 < len(word) {
			joined := word[i+1:]
			return t.option(shown, name, &joined, rest)
		}
		if rest, err = t.option(shown, name, nil, rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// shownName returns the name of an option, unless a value has slipped into it.
func shownName(name string) string {
	for _, c := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.#:", c) {
			return "..."
		}
	}
	if len(name) > 30 {
		return "..."
	}
	return name
}
