package route

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/rewrite"
)

// members returns the upstreams of a route. ok is false where one could not be made,
// which is told already; an error belongs to a key.
func members(name string, r config.Route, conf *config.Config, handles map[string]*handle) (all []*handle, ok bool, key []string, err error) {
	for i, up := range r.UpstreamNames() {
		if _, named := conf.Upstreams[up]; !named {
			key := []string{"routes", name, "upstream"}
			if len(r.Upstreams) > 0 {
				key = []string{"routes", name, fmt.Sprintf("upstreams[%d]", i), "name"}
			}
			return nil, false, key, fmt.Errorf("no upstream named %s", strconv.Quote(up))
		}
		if handles[up] == nil {
			return nil, false, nil, nil
		}
		all = append(all, handles[up])
	}
	return all, true, nil, nil
}

// group compiles what chooses among several upstreams; nil: there is one.
func group(name string, r config.Route, handles []*handle) *upstream.Group {
	if len(handles) == 1 {
		return nil
	}
	on := func(word string) bool { return slices.Contains(r.Failover.On, word) }
	g := upstream.Group{
		Sticky: r.Sticky == "credential", Salt: name, Hash: hashOf, BodyHead: r.Failover.BodyHead.Bytes,
		OnConnect: on("connect"), OnStatus429: on("429"), OnStatus503: on("503"),
	}
	for i, u := range r.Upstreams {
		m := upstream.Member{Target: handles[i].Target, Priority: u.Priority, Weight: u.Weight, Straight: u.Straight(r.Bridge), Callers: map[[sha256.Size]byte]struct{}{}}
		for _, line := range u.Callers {
			m.Callers[clientkey.Parse(line)] = struct{}{}
		}
		g.Members = append(g.Members, m)
	}
	return upstream.NewGroup(g)
}

// hashOf is the hash that apim-edge key hash prints. Tokens are longer than what that
// looks at, and often begin alike.
func hashOf(credential []byte) [sha256.Size]byte {
	if len(credential) > clientkey.MaxKey {
		return sha256.Sum256(credential)
	}
	return clientkey.Sum(credential)
}

// replaced returns what takes credentials from a request, for all upstreams to which it
// may go.
func replaced(handles []*handle) (all []*rewrite.Policy) {
	for _, h := range handles {
		if h.Replaces != nil {
			all = append(all, h.Replaces)
		}
	}
	return all
}
