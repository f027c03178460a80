package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

func (v *checker) routes() {
	if len(v.config.Routes) == 0 && len(v.config.Upstreams) > 1 {
		v.fault("routes", "", "no route is named, and there are several upstreams to choose from", "")
	}
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(v.config.Routes)) {
		key, r := option.Child("routes", name), v.config.Routes[name]
		v.routeUpstreams(key, r)
		v.pathPrefix(option.Child(key, "path_prefix"), r.PathPrefix)
		v.stripPrefix(option.Child(key, "strip_prefix"), r)
		if r.Host != "" {
			v.host(option.Child(key, "host"), r.Host)
		}
		place := r.Host + r.PathPrefix
		if first, ok := taken[place]; ok {
			v.fault(option.Child(key, "path_prefix"), option.Show(place), fmt.Sprintf("routes.%s has the same host and path_prefix", first), "")
		}
		taken[place] = name
		v.query(option.Child(key, "query"), r)
		v.usageModels(option.Child(key, "usage_models"), r)
		v.entrusted(key, r)
		v.options(key, r)
		v.limits(option.Child(key, "limits"), r.Limits)
	}
}

// usageModels refuses what no segment of a path can be.
func (v *checker) usageModels(key string, r Route) {
	for i, name := range r.UsageModels {
		if name == "" || strings.ContainsAny(name, "/?# ") {
			v.fault(option.Element(key, i), option.Show(name), "this is no name of a deployment, as it stands between two slashes of a path", "")
		}
	}
}

func (v *checker) routeUpstream(key, name string) {
	known := slices.Sorted(maps.Keys(v.config.Upstreams))
	if _, ok := v.config.Upstreams[name]; ok || len(known) == 0 {
		return
	}
	if name == "" {
		v.wrong(key, "no upstream", oneOf(known), "")
		return
	}
	v.unknown(key, "upstream", name, known)
}

// pathPrefix reports a prefix that is none, or that an upstream could not tell
// from another one.
func (v *checker) pathPrefix(key, prefix string) {
	_, meant := prefixFault(prefix)
	v.fault(key, option.Show(prefix), PrefixFault(prefix), meant)
}

// prefixFault refuses the * of other servers' routes, too: here it would be a
// character like any other, and nothing would match.
func prefixFault(path string) (fault, meant string) {
	star := strings.IndexByte(path, '*')
	if star < 0 {
		return pathFault(path), meantPath(path)
	}
	if before := strings.TrimRight(path[:star], "/{"); !strings.Contains(path[star:], "/") {
		meant = cmp.Or(before, "/")
	}
	if pathFault(meant) != "" {
		meant = ""
	}
	return "a path prefix has no *: it holds for everything below it", meant
}

// meantPath puts the missing slash in front.
func meantPath(path string) string {
	if meant := "/" + path; pathFault(path) != "" && pathFault(meant) == "" {
		return meant
	}
	return ""
}

func (v *checker) stripPrefix(key string, r Route) {
	if r.StripPrefix == "" || r.StripPrefix == "/" {
		return
	}
	if r.Bridge.To != "" && !slices.ContainsFunc(r.Upstreams, func(u RouteUpstream) bool { return u.Straight(r.Bridge) }) {
		v.fault(key, option.Show(r.StripPrefix), "a bridge takes all of path_prefix off, and puts bridge.prefix in front", "")
		return
	}
	if fault, meant := prefixFault(r.StripPrefix); fault != "" {
		v.fault(key, option.Show(r.StripPrefix), fault, meant)
		return
	}
	if rest, ok := strings.CutPrefix(r.PathPrefix, r.StripPrefix); !ok || rest != "" && rest[0] != '/' {
		v.fault(key, option.Show(r.StripPrefix), "only path_prefix ("+r.PathPrefix+") or its first segments can be taken off", "")
	}
}
