package upstream

// A Target is an upstream as an attempt goes to it: what a request has to say there
// belongs to the upstream and not to the route.
type Target struct {
	*Upstream
	// Host is what the upstream is called; nil: as the client calls the edge.
	Host []byte
	// Prefix is put in front of every path. It has no slash at its end.
	Prefix string
}
