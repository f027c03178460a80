package proxy

// checkAddress refuses who calls from where the route may not be called. It stands in
// front of all that could tell a stranger whether a credential is right. The address is
// that by which limits of a route count.
func (x *Exchange) checkAddress() error {
	a := x.route.Addresses
	if x.client.store.explains != nil {
		return x.heed(a.Explain()) // it does not know from where the request would come
	}
	return a.Check(x.req.Sender(x.client.address, x.snap.Trusts)).Err()
}
