package config

import (
	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/rewrite"
)

// What a route says about credentials and CORS are options of rewrite and corsx.
// Defaults and rules are theirs alone; here is the one place that maps the keys of
// the configuration to them, and gives their faults a place in the file.

// Options returns the credential rules of a route.
func (c Credential) Options() rewrite.Options {
	return rewrite.Options{
		Header: c.Header, Value: c.Value, Aliases: c.Aliases, QueryAliases: c.QueryAliases,
		RejectConflict: c.OnConflict == "reject", RejectMissing: c.OnMissing == "reject",
		KeepMisplacedToken: c.MisplacedToken == "keep", KeepAuthorization: c.KeepAuthorization,
		Placeholders: c.Placeholders,
	}
}

func (c Credential) complete() Credential {
	o := c.Options().Complete()
	c.Header, c.Value, c.Aliases, c.QueryAliases, c.Placeholders = o.Header, o.Value, o.Aliases, o.QueryAliases, o.Placeholders
	fill(&c.OnConflict, "prefer_explicit")
	fill(&c.OnMissing, "forward")
	fill(&c.MisplacedToken, "move")
	return c
}

// Options returns the cross-origin policy of a route.
func (c CORS) Options() corsx.Options {
	age := c.MaxAge.Duration
	if age == 0 {
		age = -1 // not at all: to corsx 0 is unset
	}
	return corsx.Options{
		AllowedOrigins: c.AllowedOrigins, AllowedMethods: c.AllowedMethods,
		AllowedHeaders: c.AllowedHeaders, ExposedHeaders: c.ExposedHeaders,
		AllowCredentials: c.AllowCredentials, MaxAge: age,
		AllowPrivateNetwork: c.AllowPrivateNetwork,
	}
}

func (c CORS) complete() CORS {
	c.AllowedMethods = c.Options().Complete().AllowedMethods
	return c
}

func defaultMaxAge() Duration { return Duration{corsx.Options{}.Complete().MaxAge} }

// options reports the faults of a route's sections, each at its key.
func (v *checker) options(key string, r Route) {
	for _, f := range r.Credential.Options().Faults() {
		v.option(child(key, "credential"), f)
	}
	for _, f := range r.CORS.Options().Faults() {
		v.option(child(key, "cors"), rewrite.Fault(f))
	}
}

func (v *checker) option(section string, f rewrite.Fault) {
	key, found := section+"."+f.Key, ""
	if f.Found != "" {
		found = show(f.Found)
	}
	if f.Want != "" {
		v.wrong(key, found, f.Want, f.Meant)
		return
	}
	v.fault(key, found, f.Text, f.Meant)
}
