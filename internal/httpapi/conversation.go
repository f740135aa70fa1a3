package httpapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
)

// transportProtocol is the subprotocol that a conversation follows.
const transportProtocol = "graphql-transport-ws"

// The codes that graphql-transport-ws closes a connection with when a client does not follow it.
const (
	closeBadMessage  = 4400
	closeNoProtocol  = 4406
	closeInitTimeout = 4408
	closeIDInUse     = 4409
	closeInitAgain   = 4429
)

// maxOperations is how many operations of one connection may be under way or wait for their answer to be taken.
const maxOperations = 100

// conversation holds a client of graphql-transport-ws to its protocol, of which gqlgen leaves much open. Each operation gets an id of
// its own towards gqlgen: a client may use its id again as soon as the operation is over for it, and hears no more of the old one.
type conversation struct {
	mu           sync.Mutex
	begun, acked bool
	operations   int
	// ours and theirs are the ids of the operations that go on, by what the other side calls them.
	ours, theirs map[string]string
}

func newConversation() *conversation {
	return &conversation{ours: make(map[string]string), theirs: make(map[string]string)}
}

// said is a message of either side.
type said struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// violation is how a client did not follow the protocol; it closes the connection.
type violation struct {
	code   int
	reason string
}

func badMessage(reason string) *violation { return &violation{closeBadMessage, reason} }

// hear takes a client's message and returns what gqlgen is to read, nil for nothing. Pings are not for gqlgen, which does not know them
// before connection_init.
func (c *conversation) hear(kind int, data []byte) (*said, *violation) {
	var message said
	if kind != int(websocket.MessageText) {
		return nil, badMessage("A message is text")
	}
	if err := json.Unmarshal(data, &message); err != nil {
		return nil, badMessage("A message is a JSON object with a type")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch message.Type {
	case "connection_init":
		if c.begun {
			return nil, &violation{closeInitAgain, "Too many initialisation requests"}
		}
		c.begun = true
		if !isObject(message.Payload) && !isNull(message.Payload) {
			return nil, badMessage("The payload of connection_init is an object")
		}
		return &message, nil
	case "ping":
		return &message, nil
	case "pong":
		if !c.acked {
			return nil, nil
		}
		return &message, nil
	case "subscribe":
		return c.begin(message)
	case "complete":
		id, goesOn := c.ours[message.ID]
		if !goesOn {
			return nil, nil
		}
		c.end(id)
		message.ID = id
		return &message, nil
	}
	return nil, badMessage("No client sends messages of this type")
}

func (c *conversation) begin(message said) (*said, *violation) {
	switch {
	case !c.acked:
		return nil, &violation{closeUnauthorized, "Unauthorized"}
	case message.ID == "":
		return nil, badMessage("A subscribe message has an id")
	case !isRequest(message.Payload):
		return nil, badMessage("The payload of subscribe is an object with a query")
	case c.ours[message.ID] != "":
		// A reason has room for 123 bytes.
		return nil, &violation{closeIDInUse, "Subscriber for " + shorten(message.ID, 20) + " already exists"}
	case len(c.ours) >= maxOperations:
		return nil, &violation{closeTryAgain, "Too many operations at once"}
	}
	c.operations++
	id := strconv.Itoa(c.operations)
	c.ours[message.ID], c.theirs[id] = id, message.ID
	message.ID = id
	return &message, nil
}

// end forgets an operation.
func (c *conversation) end(id string) {
	delete(c.ours, c.theirs[id])
	delete(c.theirs, id)
}

// tell takes a message of gqlgen's and returns what the client is to hear, nil for nothing.
func (c *conversation) tell(message any) (*said, error) {
	data, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	var told said
	if err := json.Unmarshal(data, &told); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch told.Type {
	case "connection_ack":
		c.acked = true
	case "next", "error", "complete":
		id := told.ID
		theirs, goesOn := c.theirs[id]
		if !goesOn {
			return nil, nil
		}
		told.ID = theirs
		if errors := errorsAlone(told.Payload); told.Type == "next" && errors != nil {
			told.Type, told.Payload = "error", errors
		}
		if told.Type != "next" {
			c.end(id)
		}
	}
	return &told, nil
}

// errorsAlone are the errors of an answer to an operation that was not executed, which has no data and whose errors are of no field; nil
// for every other answer.
func errorsAlone(answer json.RawMessage) json.RawMessage {
	if !bytes.HasPrefix(answer, []byte(`{"errors":`)) {
		return nil
	}
	var members struct{ Errors, Data json.RawMessage }
	var errors []struct{ Path json.RawMessage }
	if json.Unmarshal(answer, &members) != nil || !isNull(members.Data) || json.Unmarshal(members.Errors, &errors) != nil {
		return nil
	}
	for _, each := range errors {
		if each.Path != nil {
			return nil
		}
	}
	return members.Errors
}

func isObject(value json.RawMessage) bool { return bytes.HasPrefix(value, []byte("{")) }

// isRequest tells whether gqlgen can read the payload of a subscribe message.
func isRequest(payload json.RawMessage) bool {
	return isObject(payload) && json.Unmarshal(payload, new(graphql.RawParams)) == nil
}

// closing is the code and the reason that gqlgen's end of a connection is told with.
func (c *conversation) closing(code int, reason string) (int, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun && code == transport.WebsocketCloseProtocolError {
		return closeInitTimeout, "Connection initialisation timeout"
	}
	return code, reason
}
