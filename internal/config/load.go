package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
)

// Options says where configuration comes from.
type Options struct {
	// File is the path of the YAML file; empty: there is none.
	File string
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Overrides are values from flags, by dotted keys (see Key): texts as in
	// the environment, or values of the key's own type.
	Overrides map[string]any
	// Upstream is the URL of --upstream. It makes an upstream and a route, both
	// named default.
	Upstream string
}

// levels separates the levels of a key in koanf as in the environment. No name
// that passes the check of names has it inside.
const levels = "__"

// Load reads, merges, completes and checks the configuration. All mistakes
// come back at once, as *Problems, along with what is right of a file that could
// be read.
func Load(o Options) (Config, error) {
	var file layer
	if o.File != "" {
		data, problem := readFile(o.File)
		if problem != nil {
			return Config{}, &Problems{*problem}
		}
		root, problem := parseYAML(o.File, data)
		if problem != nil {
			return Config{}, &Problems{*problem}
		}
		file = fileLayer(o.File, root)
	}
	return merge(file, o)
}

// merge puts the layers on top of each other. koanf is made anew for each
// load: it only ever adds, so a key removed from the file would stay.
func merge(file layer, o Options) (Config, error) {
	k := koanf.New(levels)
	origins := map[string]origin{"": {file: o.File}}
	var problems Problems
	add := func(p koanf.Provider, l *layer) error {
		if err := k.Load(p, nil); err != nil {
			return err
		}
		l.placeInto(origins)
		problems = append(problems, l.problems...)
		return nil
	}
	environ, flags := newWordLayer(file.values), newWordLayer(nil)
	fromFlags := flags.flagValues(o)
	if err := errors.Join(
		add(confmap.Provider(file.values, ""), &file),
		add(env.Provider(levels, env.Opt{Prefix: envPrefix, TransformFunc: environ.variable,
			EnvironFunc: func() []string { return o.Environ }}), &environ.layer),
		add(confmap.Provider(fromFlags, levels), &flags.layer),
	); err != nil {
		return Config{}, err
	}
	cfg, err := decode(k)
	if err != nil {
		return Config{}, err
	}
	cfg.origins, cfg.strays = origins, strays(o.Environ)
	cfg = cfg.Complete()
	cfg.fromEnvironment(o.Environ)
	problems = append(problems, unspoken(cfg.Validate(), problems)...)
	if len(problems) > 0 {
		problems = append(problems, cfg.strays...) // one of them may be what is missing
		problems.sort()
		return cfg, &problems
	}
	return cfg, nil
}

// placeInto adds the places of the layer's keys to those of the layers below.
// A section stays where it was first written; a key stands where it was last.
func (l *layer) placeInto(origins map[string]origin) {
	for _, key := range slices.Sorted(maps.Keys(l.origins)) {
		origins[key] = l.origins[key]
		for up := parent(key); up != ""; up = parent(up) {
			if _, ok := origins[up]; !ok {
				origins[up] = l.origins[key]
			}
		}
	}
}

// decode is strict once more: the layers were checked one by one, so an error
// here means that the check and the types disagree.
func decode(user *koanf.Koanf) (Config, error) {
	k := koanf.New(levels)
	if err := errors.Join(k.Load(confmap.Provider(elementDefaults(user.Raw()), ""), nil), k.Merge(user)); err != nil {
		return Config{}, err
	}
	cfg := Default()
	err := k.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		ErrorUnused: true,
		MatchName:   func(key, name string) bool { return key == name },
		DecodeHook:  mapstructure.TextUnmarshallerHookFunc(),
	}})
	return cfg, err
}

// elementDefaults is the lowest layer: what holds in each upstream, route and
// token policy that says nothing, where 0 says something. The rest is Complete's.
func elementDefaults(user map[string]any) map[string]any {
	upstreams, routes := map[string]any{}, map[string]any{}
	for _, name := range namesIn(user, "upstreams") {
		upstreams[name] = map[string]any{
			"max_idle": defaultMaxIdle, "max_dials": defaultMaxDials, "max_age": defaultMaxConnectionAge.String(),
			"breaker": map[string]any{
				"failures": defaultBreaker.Failures, "within": defaultBreaker.Within.String(), "open": defaultBreaker.Open.String(),
			},
			"probe": map[string]any{"every": defaultProbe.Every.String()},
		}
	}
	for _, name := range namesIn(user, "routes") {
		routes[name] = map[string]any{
			"cors":     map[string]any{"max_age": defaultMaxAge().String()},
			"failover": map[string]any{"body_head": defaultBodyHead.String()},
		}
	}
	policies := map[string]any{}
	for _, name := range namesIn(user, "token_policies") {
		policies[name] = map[string]any{"clock_skew": defaultClockSkew.String(), "require_expiration": true}
	}
	return map[string]any{"upstreams": upstreams, "routes": routes, "token_policies": policies}
}

func namesIn(values map[string]any, section string) []string {
	elements, _ := values[section].(map[string]any)
	return slices.Sorted(maps.Keys(elements))
}

// unspoken leaves out what only follows from a mistake that is named already:
// a url that does not parse is not also missing.
func unspoken(found, known Problems) Problems {
	wrong, holding := map[string]bool{}, map[string]bool{}
	for _, p := range known {
		wrong[p.Key], holding[parent(p.Key)] = true, true
	}
	return slices.DeleteFunc(found, func(p Problem) bool {
		if holding[p.Key] && (p.Key == "upstreams" || p.Key == "routes" || strings.HasSuffix(p.Key, ".bridge.models")) {
			return true // the only one that is named was not understood
		}
		for key := p.Key; key != ""; key = parent(key) {
			if wrong[key] {
				return true
			}
		}
		return false
	})
}
