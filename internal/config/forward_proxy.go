package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// noProxy is the proxy of an upstream that has none.
const noProxy = "none"

// ParseProxy reads the URL of a forward proxy, which may lack its scheme, as it does
// in many an HTTPS_PROXY. The fault never repeats the text, which may hold a password.
func ParseProxy(text string) (u *url.URL, fault string) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()):
		return nil, "write http://proxy.example.com:3128, env:NAME or file:/path of such a URL, or none"
	case u.Scheme == "https":
		return nil, "apim-edge speaks to a proxy without TLS of its own (what goes through it is encrypted all the same, if the upstream is https); write http://"
	case u.Scheme != "http":
		return nil, "only HTTP proxies are spoken to, by CONNECT; write http://"
	case strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, "the URL of a proxy has no path, query or fragment"
	}
	return u, ""
}

// isReference reports whether a text names a secret: a host may be called env or file,
// but neither has a port that is no number.
func isReference(text string) bool { return referenceFault(text) == "" }

// maskProxy hides user name and password.
func maskProxy(text string) string {
	if text == "" || text == noProxy || isReference(text) {
		return text
	}
	u, fault := ParseProxy(text)
	if fault != "" {
		return masked
	}
	if u.User == nil {
		return text
	}
	return "http://" + masked + "@" + u.Host
}

func (v *checker) proxy(key, text string) {
	if text == "" || text == noProxy || isReference(text) {
		return
	}
	if strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "keyvault:") {
		v.fault(key, "", referenceFault(text), "")
		return
	}
	_, fault := ParseProxy(text)
	v.fault(key, "", fault, "")
}

// fromEnvironment gives each https upstream that says nothing of a proxy the one of
// the environment, as a reference to its variable, by the rules that curl and Go's
// programs have for HTTPS_PROXY and NO_PROXY. An http upstream is not looked at: its
// proxies do not speak CONNECT for port 80 as a rule.
func (c *Config) fromEnvironment(environ []string) {
	proxyName, proxy := variable(environ, "HTTPS_PROXY")
	if proxy == "" {
		return
	}
	_, except := variable(environ, "NO_PROXY")
	choose := (&httpproxy.Config{HTTPSProxy: proxy, NoProxy: except}).ProxyFunc()
	for name, up := range c.Upstreams {
		u, err := url.Parse(up.URL)
		if up.Proxy != "" || err != nil || u.Scheme != "https" {
			continue
		}
		u.Host = strings.TrimSuffix(strings.Replace(u.Host, ".:", ":", 1), ".")
		if through, err := choose(u); through != nil || err != nil {
			up.Proxy = "env:" + proxyName
			c.Upstreams[name] = up
		}
	}
}

// variable returns a variable that may be written in upper or lower case.
func variable(environ []string, upper string) (name, value string) {
	for _, name := range []string{upper, strings.ToLower(upper)} {
		i := slices.IndexFunc(environ, func(v string) bool { return strings.HasPrefix(v, name+"=") && len(v) > len(name)+1 })
		if i >= 0 {
			return name, environ[i][len(name)+1:]
		}
	}
	return "", ""
}

// ForwardProxy returns the URL of the upstream's proxy, nil for none. It reads the reference
// anew, so that a changed password is used. An error holds no part of the text.
func (up Upstream) ForwardProxy() (*url.URL, error) {
	text := up.Proxy
	if text == "" || text == noProxy {
		return nil, nil //nolint:nilnil // no proxy is no error
	}
	from := ""
	if source, err := secret.Parse(text); err == nil {
		value, err := source.Current()
		if err != nil {
			return nil, err
		}
		from, text = text+": ", strings.TrimSpace(value.Reveal())
	}
	u, fault := ParseProxy(text)
	if fault != "" {
		return nil, errors.New(from + fault)
	}
	return u, nil
}
