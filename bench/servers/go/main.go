// What one writes with Go's standard library: a goroutine and a channel for each connection, found by user.
//
// It speaks the measurement's protocol (../protocol.ts) in lines of JSON over stdin and stdout, and sends by itself, as
// every other server does.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A connection that is further behind is closed: its client would come back.
const behind = 256

type connection struct {
	frames chan []byte
	close  func()
}

type hub struct {
	mutex       sync.RWMutex
	connections map[int]map[*connection]struct{}
	count       atomic.Int64
}

func (h *hub) stream(response http.ResponseWriter, request *http.Request) {
	user, err := strconv.Atoi(request.URL.Query().Get("user"))
	if err != nil {
		http.Error(response, "whose stream?", http.StatusBadRequest)
		return
	}
	response.Header().Set("Content-Type", "text/event-stream")
	response.Header().Set("Cache-Control", "no-cache")
	fmt.Fprint(response, "\n")
	closed := make(chan struct{})
	var once sync.Once
	own := &connection{make(chan []byte, behind), func() { once.Do(func() { close(closed) }) }}
	h.add(user, own)
	defer h.remove(user, own)
	flusher := response.(http.Flusher)
	flusher.Flush()
	for {
		select {
		case frame := <-own.frames:
			if _, err := response.Write(frame); err != nil {
				return
			}
			flusher.Flush()
		case <-closed:
			return
		case <-request.Context().Done():
			return
		}
	}
}

func (h *hub) add(user int, own *connection) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.connections[user] == nil {
		h.connections[user] = map[*connection]struct{}{}
	}
	h.connections[user][own] = struct{}{}
	h.count.Add(1)
}

func (h *hub) remove(user int, own *connection) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.connections[user], own)
	if len(h.connections[user]) == 0 {
		delete(h.connections, user)
	}
	h.count.Add(-1)
}

func (h *hub) send(to int, frame []byte) {
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	offer(h.connections[to], frame)
}

func (h *hub) broadcast(frame []byte) {
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	for _, connections := range h.connections {
		offer(connections, frame)
	}
}

func offer(connections map[*connection]struct{}, frame []byte) {
	for one := range connections {
		select {
		case one.frames <- frame:
		default:
			one.close()
		}
	}
}

type message struct {
	Mark    string `json:"mark"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Padding string `json:"padding,omitempty"`
}

type sender struct {
	sent   map[int]int
	lastID int
}

func (s *sender) frame(to int, padding int) []byte {
	s.sent[to]++
	s.lastID++
	n := s.sent[to]
	data, err := json.Marshal(message{
		fmt.Sprintf("#%d,%d,%d#", to, n, monotonicUs()),
		"The Acme deal is yours now",
		fmt.Sprintf("/deals/%d", n),
		strings.Repeat("x", padding),
	})
	if err != nil {
		panic(err)
	}
	return []byte(fmt.Sprintf("id: %d\ndata: %s\n\n", s.lastID, data))
}

type request struct {
	Do         string  `json:"do"`
	Messages   int     `json:"messages"`
	PerSecond  float64 `json:"perSecond"`
	Recipients int     `json:"recipients"`
	First      int     `json:"first"`
	Padding    int     `json:"padding"`
}

func main() {
	h := &hub{connections: map[int]map[*connection]struct{}{}}
	s := &sender{sent: map[int]int{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/stream", h.stream)
	go http.Serve(listener, nil)
	answer(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port, "protocol": "sse", "pid": os.Getpid()})

	// It ends with whoever started us.
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			answer(map[string]any{"failed": err.Error()})
			continue
		}
		switch r.Do {
		case "targeted":
			paced(r, func(i int) {
				to := r.First + i%r.Recipients
				h.send(to, s.frame(to, r.Padding))
			})
			answer(map[string]any{"done": true})
		case "broadcast":
			paced(r, func(int) { h.broadcast(s.frame(-1, 0)) })
			answer(map[string]any{"done": true})
		case "connections":
			answer(map[string]any{"connections": h.count.Load()})
		default:
			answer(map[string]any{"failed": "unknown: " + r.Do})
		}
	}
}

func answer(message map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(message); err != nil {
		panic(err)
	}
}

// As ../control.ts does it.
func paced(r request, one func(int)) {
	began := time.Now()
	for i := 0; i < r.Messages; {
		due := int(time.Since(began).Seconds()*r.PerSecond) + 1
		for ; i < due && i < r.Messages; i++ {
			one(i)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var started, startedUs = time.Now(), clockMonotonicUs()

func monotonicUs() int64 {
	return startedUs + time.Since(started).Microseconds()
}

// Go doesn't tell its monotonic clock's value, and the clients compare with it.
func clockMonotonicUs() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano() / 1_000
}
