package rewrite

import "bytes"

// decideApart is the table of docs/credentials.md for an upstream that takes
// its key in a field of its own. One function for each kind of Authorization.
func (p *Policy) decideApart(d *Decision, auth *credential, s *slot) {
	switch auth.kind {
	case kindKey:
		p.withBearerKey(d, auth, s)
	case kindToken:
		p.withBearerToken(d, auth, s)
	case kindOther:
		d.Reason = ReasonOtherScheme
		d.KeepAuthorization = true
		p.keepToken(d, s)
	default:
		p.withoutAuthorization(d, auth, s)
	}
}

func (p *Policy) withBearerKey(d *Decision, auth *credential, s *slot) {
	d.Key = auth.value
	d.Token = s.token.value // changes places with the key
	switch {
	case s.key.present() && !bytes.Equal(s.key.value, auth.value):
		// openai-go v1 adds OPENAI_API_KEY from the environment to the key of
		// azure.WithAPIKey: sending it on would leak it to the upstream, so
		// keep_authorization does not keep it either.
		p.drop(d, faultTwoKeys, &s.key, auth)
		d.Reason = ReasonExplicitKeyWins
		d.Key = s.key.value
	case s.token.present():
		d.Reason = ReasonSwapped
	case s.key.present():
		d.Reason = ReasonExplicitKey
		p.keepBearerKey(d, auth)
	default:
		d.Reason = ReasonBearerKey
		p.keepBearerKey(d, auth)
	}
}

func (p *Policy) withBearerToken(d *Decision, auth *credential, s *slot) {
	keepBearer(d, auth)
	d.bearer = auth.value
	d.Key = s.key.value
	switch {
	case s.token.present() && !bytes.Equal(s.token.value, auth.value):
		p.drop(d, faultTwoTokens, auth, &s.token)
		d.Reason = ReasonTokenWins
	case s.key.present():
		d.Reason = ReasonTokenAndKey
	default:
		d.Reason = ReasonToken
	}
}

func (p *Policy) withoutAuthorization(d *Decision, auth *credential, s *slot) {
	switch {
	case s.token.present() && p.keepMisplacedToken:
		d.Reason = ReasonMisplacedToken
		p.keepToken(d, s)
	case s.token.present():
		d.Reason = ReasonMisplacedToken
		d.Token = s.token.value
		d.Key = s.key.value
	default:
		p.withKeyAlone(d, auth, s)
	}
}

func (p *Policy) withKeyAlone(d *Decision, auth *credential, s *slot) {
	d.Key = s.key.value
	switch {
	case s.key.present() && auth.kind == kindPlaceholder:
		d.Reason = ReasonExplicitKeyWins
	case s.key.present():
		d.Reason = ReasonExplicitKey
	case p.rejectMissing && d.Notes.Has(Placeholder):
		d.reject(Problem{fault: faultPlaceholder})
	case p.rejectMissing:
		d.reject(Problem{fault: faultMissing, place: p.names[p.target].text})
	default:
		d.Reason = ReasonNoCredential
	}
}

// decideShared is the table for an upstream that takes its key in
// Authorization itself. One field holds one credential: a key goes into it
// before anything else, because the upstream checks the key first, and a token
// that finds the field taken stays where the client put it.
func (p *Policy) decideShared(d *Decision, auth *credential, s *slot) {
	switch {
	case s.key.present():
		p.sharedExplicit(d, auth, s)
	case auth.kind == kindKey:
		d.Reason = ReasonBearerKey
		p.keepTokenBeside(d, s, auth)
	case auth.kind == kindToken:
		p.withBearerToken(d, auth, s)
	case auth.kind == kindOther:
		d.Reason = ReasonOtherScheme
		d.KeepAuthorization = true
		p.keepTokenBeside(d, s, auth) // auth has no bare value, so no key is sent
	default:
		p.withoutAuthorization(d, auth, s)
	}
}

func (p *Policy) sharedExplicit(d *Decision, auth *credential, s *slot) {
	switch {
	case auth.kind == kindAbsent, auth.kind == kindKey && bytes.Equal(auth.value, s.key.value):
		d.Reason = ReasonExplicitKey
	case auth.kind == kindKey:
		d.Reason = ReasonExplicitKeyWins
		p.drop(d, faultTwoKeys, &s.key, auth)
	case auth.kind == kindPlaceholder:
		d.Reason = ReasonExplicitKeyWins
	default:
		d.Reason = ReasonExplicitKeyWins
		p.drop(d, faultOneField, &s.key, auth)
	}
	p.keepTokenBeside(d, s, &s.key)
}

// keepToken leaves a token in the key's place and sends the key, if there is
// one, in the target field.
func (p *Policy) keepToken(d *Decision, s *slot) {
	switch {
	case !s.token.present() || s.key.present() && s.token.place != int8(p.target):
		p.keepTokenBeside(d, s, &s.key)
	case s.token.place >= inQuery:
		d.Key = s.token.value // as a key would: no credential stays in a URL
	default:
		if s.key.present() {
			p.drop(d, faultOneField, &s.token, &s.key)
		}
		d.KeepSlot, d.slot = true, s.token.place
	}
}

// keepTokenBeside sends holder in the target field and leaves a token in a
// field of the key slot where it is. One in the query cannot stay there.
func (p *Policy) keepTokenBeside(d *Decision, s *slot, holder *credential) {
	d.Key = holder.value
	switch {
	case !s.token.present():
	case s.token.place >= inQuery:
		p.drop(d, faultOneField, holder, &s.token)
	default:
		d.KeepSlot, d.slot = true, s.token.place
	}
}

// keepBearer sends the client's Authorization line on as it is, unless its
// scheme stood there twice.
func keepBearer(d *Decision, auth *credential) {
	if auth.doubled {
		d.Token = auth.value
		return
	}
	d.KeepAuthorization = true
}

// keepBearerKey does so with a key, for fronts that want it in both fields.
func (p *Policy) keepBearerKey(d *Decision, auth *credential) {
	if p.keepAuthorization {
		keepBearer(d, auth)
	}
}
