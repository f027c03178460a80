package config

import (
	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/rewrite"
)

// What a route says about credentials, CORS and its bridge are options of rewrite, corsx
// and bridge.
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

// Options returns the bridge of a route.
func (b Bridge) Options() bridge.Options {
	o := bridge.Options{To: b.To, Prefix: b.Prefix, Default: b.Default, BodyHead: b.BodyHead.Bytes}
	for name, m := range b.Models {
		if o.Models == nil {
			o.Models = map[string]bridge.Model{}
		}
		o.Models[name] = bridge.Model(m)
	}
	return o
}

func (b Bridge) complete() Bridge {
	o := b.Options().Complete()
	b.Prefix, b.BodyHead.Bytes, b.Models = o.Prefix, o.BodyHead, nil
	for name, m := range o.Models {
		if b.Models == nil {
			b.Models = map[string]BridgeModel{}
		}
		b.Models[name] = BridgeModel(m)
	}
	return b
}

// options reports the faults of a route's sections, each at its key.
func (v *checker) options(key string, r Route) {
	for _, f := range r.Credential.Options().Faults() {
		v.option(option.Child(key, "credential"), f)
	}
	for _, f := range r.CORS.Options().Faults() {
		v.option(option.Child(key, "cors"), f)
	}
	for _, f := range r.Bridge.Options().Faults() {
		v.option(option.Child(key, "bridge"), f)
	}
}

func (v *checker) option(section string, f option.Fault) {
	key, found := section+"."+f.Key, ""
	if f.Found != "" {
		found = option.Show(f.Found)
	}
	if f.Want != "" {
		v.wrong(key, found, f.Want, f.Meant)
		return
	}
	v.fault(key, found, f.Text, f.Meant)
}
