package export

// What is said to a client that is refused, whichever program says it.
const (
	severalKeys    = "The request names several credentials of one kind. Send one."
	noCredential   = "The request has no credential. Send the subscription key as Authorization: Bearer."
	pathTwoWays    = "A path can be read in two ways."
	foreignOrigin  = "The origin of the page is not allowed."
	foreignAddress = "The request comes from an address that may not use this route."
	closedRoute    = "closed: see the file of this route"
	otherPath      = "no route of this server takes this path"
)

// refusalBody is a body that OpenAI SDKs and users of API Management can both read.
func refusalBody(status int, message string) string {
	return `{"statusCode":` + itoa(status) + `,"message":"` + message + `","error":{"message":"` + message + `"}}`
}
