using Postern.Benchmarks.Steps;

namespace Postern.Benchmarks.Echo;

/// <summary>The configuration files of the peers: what a careful operator would write for this one job.</summary>
internal static class PeerFiles
{
    public static string Nginx(string folder, int port, Uri upstream) => $$"""
        daemon off; pid {{folder}}/nginx.pid; error_log stderr crit; worker_processes 2;
        worker_rlimit_nofile 16384;
        events { worker_connections 8192; }
        http {
          access_log off; client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/f; uwsgi_temp_path {{folder}}/u; scgi_temp_path {{folder}}/s;
          upstream echo { server 127.0.0.1:{{upstream.Port}}; keepalive 128; keepalive_requests 100000000; }
          server {
            listen 127.0.0.1:{{port}}; keepalive_requests 100000000; client_body_buffer_size 64k;
            location / { proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
          }
        }
        """;

    public static string HaProxy(int port, Uri upstream) => $"""
        global
          maxconn 4000
          nbthread 2
        defaults
          mode http
          timeout connect 5s
          timeout client 60s
          timeout server 60s
          option http-no-delay
          http-reuse always
        frontend front
          bind 127.0.0.1:{port}
          default_backend back
        backend back
          server echo 127.0.0.1:{upstream.Port}

        """;

    public static string Postern(string issuer, string audience, string upstream, bool isStrict) => $$"""
        listen: { url: "http://127.0.0.1:0", management: none }
        data: data-{{(isStrict ? "strict" : "relaxed")}}
        issuers:
          demo: { authority: "{{issuer}}", audience: "{{audience}}" }
        connections:
          bench: { protocol: mcp, url: "{{upstream}}" }
        policy: [policy.yaml]
        record: { durability: {{(isStrict ? "strict" : "relaxed")}} }
        """;

    /// <summary>One call; the same bytes whoever is asked.</summary>
    public static string Call(int id, int size) => $"{Head}{id}{Tail(size)}";

    /// <summary>What goes with each call.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Headers(string token) =>
    [
        new("Accept", "application/json, text/event-stream"),
        new("Authorization", $"Bearer {token}"),
        new("MCP-Protocol-Version", "2026-07-28"),
        new("Mcp-Method", "tools/call"),
        new("Mcp-Name", "echo"),
    ];

    /// <summary>Makes the calls for wrk. The id counts up.</summary>
    public static string Wrk(int size, string token) => $$$"""
        local n = 0
        local head = '{{{Head}}}'
        local tail = '{{{Tail(size)}}}'
        local headers = { ["Content-Type"] = "application/json", {{{string.Join(", ", Headers(token).Select(each => $"[\"{each.Key}\"] = \"{each.Value}\""))}}} }
        request = function()
          n = n + 1
          return wrk.format("POST", nil, headers, head .. n .. tail)
        end
        """ + "\n" + WrkDone;

    /// <summary>What wrk says at its end.</summary>
    public const string WrkDone = """
        done = function(summary, latency, requests)
          local e = summary.errors
          io.write(string.format('RESULT {"requests":%d,"micros":%d,"bytes":%d,"errors":%d,"p50":%d,"p99":%d}\n',
            summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
        end
        """;

    private const string Head = """{"jsonrpc":"2.0","id":""";

    private static string Tail(int size) =>
        $$$""","method":"tools/call","params":{"name":"echo","arguments":{"size":{{{size}}},"text":"{{{Samples.Words(200)}}}"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{} } } }""";
}
