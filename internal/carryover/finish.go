package carryover

// nowhere is the upstream of a route whose upstream is not known: a name that does not
// exist (RFC 2606).
const nowhere = "https://upstream.invalid"

// finish decides what depends on the whole of a route.
func (r *route) finish() {
	r.whereTo()
	for i := 0; i < len(r.atEnd); i++ {
		r.atEnd[i]()
	}
	r.otherProducts()
	r.whoMay()
	r.whichField()
}

// remark adds an item that belongs to no place in a document.
func (r *route) remark(fate Fate, what, reason string, affects Affects) {
	for _, known := range r.items {
		if known.node == nil && known.File == r.file() && known.What == what && known.Reason == reason {
			known.Routes = append(known.Routes, r.name)
			return
		}
	}
	r.items = append(r.items, &Item{Fate: fate, File: r.file(), What: what, Reason: reason, Affects: affects, Routes: []string{r.name}})
}

// otherProducts lists those of which it depends on the caller's key whether they hold.
func (r *route) otherProducts() {
	for _, doc := range r.api.Others {
		affects := Affects(Unknown)
		if keepsAway(doc.Root) {
			affects = Access
			r.closed = append(r.closed, doc.File)
		}
		r.remark(Left, "another product", "the API is in several products with policies, of which API Management takes that of the caller's key; looked at is "+
			r.api.Product.File+", and not "+doc.File, affects)
	}
}

// asStrictAs closes the route of an operation that asks for less than that of its API:
// it is for other methods as well, and for what lies below its path.
func (r *route) asStrictAs(api *route) {
	if api == nil || len(r.closed) > 0 {
		return
	}
	lessOfCallers := len(r.tokens) == 0 && r.orKey == "" && len(api.tokens)+len(api.closed) > 0
	if !lessOfCallers && r.addresses.asStrictAs(&api.addresses) && r.headers.asStrictAs(&api.headers) {
		return
	}
	r.remark(Left, "who may call the operation", "its policies ask callers for less than those of the API, and a route of apim-edge is for every method, and for every path below "+r.prefix.value, Access)
	r.closed = append(r.closed, "it would be more open than "+api.name)
}

// file names the document that the route is mainly of.
func (r *route) file() string {
	for _, doc := range documents(r.api.Policy, r.api.Product, r.in.Product, r.in.Global) {
		return doc.File
	}
	return r.api.From
}

// whereTo finds the upstream of a route whose policies set none.
func (r *route) whereTo() {
	if len(r.targets) > 0 {
		return
	}
	t := target{url: r.in.Upstream, priority: 1, weight: 1, from: "--upstream"}
	if t.url == "" && !r.misled {
		t.url, t.from = r.api.URL, r.api.From+" serviceUrl"
	}
	if t.url == "" {
		t.url, t.from = nowhere, "not known"
		r.remark(Left, "the service's URL", "no set-backend-service says where requests go; it is a property of the API: give it by --upstream URL. "+nowhere+" stands in its place", Unknown)
	}
	p := &policy{route: r}
	address, why := p.address(t.url)
	if why != "" {
		r.remark(Left, "the service's URL", why, Unknown)
		address = nowhere
	}
	t.url = address
	r.targets = []target{t}
}

// whoMay closes the route where API Management asks for one of its own keys, and
// nothing else would be asked for in front of a credential that is the edge's own.
func (r *route) whoMay() {
	switch {
	case r.api.Open:
	case r.orKey != "":
		r.remark(Left, "the subscription key", "who shows one instead of a token needs a key of apim-edge: apim-edge key new NAME", Access)
	case len(r.tokens) > 0:
		r.remark(Left, "the subscription key", "API Management asks for one besides the token, unless the API says subscriptionRequired: false; apim-edge can ask for keys of its own: "+
			"clients, and require: {client: true, match: all}", Access)
	case r.ownCredential():
		r.remark(Left, "the subscription key", "who may call is known to API Management by its keys, which are not in policies. Nobody passes this route until there are keys of apim-edge: "+
			"apim-edge key new NAME", Access)
		r.closed = append(r.closed, "the subscription keys are API Management's")
	}
}

// whichField says what is assumed of the field of the key.
func (r *route) whichField() {
	if r.api.KeyHeader != "" || r.api.Open {
		return
	}
	fate, affects := Left, Affects(Unknown)
	if r.ownCredential() || r.credential.header.value != "" {
		fate, affects = Nothing, ""
	}
	r.remark(fate, "the key's field", "in which field clients send the subscription key is a property of the API; "+r.keyHeader()+" is assumed: give it by --key-header", affects)
}

// who returns what a caller has to show, as require has it.
func (r *route) who() (client bool, match string) {
	client = len(r.closed) > 0 || r.orKey != ""
	if client && len(r.tokens) > 0 {
		match = "all"
		if len(r.closed) == 0 {
			match = "any"
		}
	}
	return client, match
}
