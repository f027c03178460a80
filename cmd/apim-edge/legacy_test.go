package main

import (
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// legacySettings are what a script may say of the look-alike that it starts.
var legacySettings = map[string]func(o *lookalike.Options, value string){
	"key":       func(o *lookalike.Options, v string) { o.PrimaryKey = v },
	"field":     func(o *lookalike.Options, v string) { o.KeyField = v },
	"parameter": func(o *lookalike.Options, v string) { o.KeyQuery = v },
	"token":     func(o *lookalike.Options, v string) { o.RequireToken, o.Tokens = true, []string{v} },
	"shape": func(o *lookalike.Options, v string) {
		o.Shape = map[string]lookalike.Shape{"legacy": lookalike.LegacyShape, "v1": lookalike.V1Shape}[v]
	},
	"deployments": func(o *lookalike.Options, v string) { o.Deployments = strings.Split(v, ",") },
	"versions":    func(o *lookalike.Options, v string) { o.Versions = strings.Split(v, ",") },
	"since": func(o *lookalike.Options, v string) {
		name, version, _ := strings.Cut(v, ":")
		o.Since = map[string]string{name: version}
	},
	"cors": func(o *lookalike.Options, v string) {
		o.CORS = map[string]lookalike.CORS{"legacy": lookalike.CORSLegacy, "twice": lookalike.CORSTwice}[v]
	},
	"policy": func(o *lookalike.Options, v string) {
		o.ValidateJWT, o.CheckAuthorization = v == "validate-jwt", v == "check-header"
	},
	"refuse":   func(o *lookalike.Options, v string) { o.Refuse = v },
	"buffer":   func(o *lookalike.Options, v string) { o.Buffer = v == "true" },
	"interval": func(o *lookalike.Options, v string) { o.EventInterval, _ = time.ParseDuration(v) },
	"idle":     func(o *lookalike.Options, v string) { o.IdleTimeout, _ = time.ParseDuration(v) },
}

// startLegacy starts a look-alike. tls=FILE has it serve https, and writes the authority
// of its certificate to the file.
func startLegacy(ts *testscript.TestScript, _ bool, args []string) {
	opt := lookalike.Options{PrimaryKey: "0123abcd"}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if name == "tls" {
			cert, err := testcert.New(ts.MkAbs("."), "legacy.test")
			ts.Check(err)
			opt.TLS = cert.Server()
			ts.Check(os.Rename(cert.CertFile, ts.MkAbs(value)))
			continue
		}
		set, ok := legacySettings[name]
		if !ok {
			ts.Fatalf("legacy has no setting %q", name)
		}
		set(&opt, value)
	}
	s := lookalike.New(opt)
	url, err := s.Start("127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
	ts.Setenv("LEGACY", url)
	_, address, _ := strings.Cut(url, "://")
	ts.Setenv("ADDRESS", address)
}
