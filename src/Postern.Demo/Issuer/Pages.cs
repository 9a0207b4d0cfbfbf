using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Demo.Issuer;

/// <summary>The issuer's pages: plain forms, no JavaScript.</summary>
internal static class Pages
{
    private const string Style = """
        :root{color-scheme:light dark;--ink:#1c2430;--dim:#5c6778;--paper:#f4f5f7;--card:#fff;--line:#d9dde4;--accent:#2f5d8a}
        @media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--dim:#9aa5b5;--paper:#14181f;--card:#1d232c;--line:#323a46;--accent:#8ab4dd}}
        *{box-sizing:border-box}
        body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
        main{width:min(26rem,calc(100vw - 2rem));padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}
        h1{margin:0 0 .25rem;font-size:1.35rem}
        p{margin:0 0 1.25rem;color:var(--dim)}
        button{display:block;width:100%;margin:0 0 .6rem;padding:.75rem 1rem;text-align:left;font:inherit;color:inherit;background:none;border:1px solid var(--line);border-radius:8px;cursor:pointer}
        button:hover,button:focus-visible{border-color:var(--accent);outline:2px solid var(--accent);outline-offset:-1px}
        button b{display:block}
        button span{color:var(--dim);font-size:.9rem}
        button.quiet{text-align:center;color:var(--dim)}
        input[type=text]{width:100%;margin:0 0 .8rem;padding:.7rem;font:1.2rem ui-monospace,monospace;letter-spacing:.12em;text-transform:uppercase;border:1px solid var(--line);border-radius:8px;background:none;color:inherit}
        small{display:block;margin-top:1rem;color:var(--dim)}
        code{font-family:ui-monospace,monospace}
        """;

    private static readonly string StyleHash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));

    /// <summary>Who do you want to be?</summary>
    public static Task PickAsync(HttpContext context, DemoIssuerOptions options, DemoClient client, string action, string handle, string? formTarget)
    {
        var body = new StringBuilder()
            .Append("<h1>Sign in</h1><p>").Append(Text(client.Name)).Append(" asks who you are. This is a demo: pick anyone.</p>")
            .Append("<form method=post action=\"").Append(action).Append("\"><input type=hidden name=handle value=\"").Append(Text(handle)).Append("\">");
        foreach (var persona in options.Personas)
        {
            body.Append("<button name=persona value=\"").Append(Text(persona.Subject)).Append("\"><b>").Append(Text(persona.Name)).Append("</b><span>")
                .Append(Text(persona.Title)).Append("</span></button>");
        }

        body.Append("<button class=quiet name=cancel value=1>Cancel</button></form><small>Demo issuer on this machine. It has no passwords and serves nobody else.</small>");
        return WriteAsync(context, StatusCodes.Status200OK, "Sign in", body.ToString(), formTarget);
    }

    /// <summary>Which device?</summary>
    public static Task DeviceAsync(HttpContext context, string? code, string? problem)
    {
        var body = new StringBuilder("<h1>Connect a device</h1><p>").Append(Text(problem ?? "Enter the code that the other program shows.")).Append("</p>")
            .Append("<form method=post action=/device><input type=text name=user_code aria-label=Code autocomplete=off maxlength=12 required value=\"").Append(Text(code ?? string.Empty))
            .Append("\"><button class=quiet>Continue</button></form>");
        return WriteAsync(context, problem is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest, "Connect a device", body.ToString(), null);
    }

    /// <summary>A sentence, and the end.</summary>
    public static Task SayAsync(HttpContext context, int status, string title, string sentence) =>
        WriteAsync(context, status, title, $"<h1>{Text(title)}</h1><p>{Text(sentence)}</p>", null);

    private static Task WriteAsync(HttpContext context, int status, string title, string body, string? formTarget)
    {
        // the answer to the form is a redirect to the client, and Chromium applies form-action to redirects too
        var targets = formTarget is null ? "'self'" : $"'self' {new Uri(formTarget).GetLeftPart(UriPartial.Authority)}";
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'sha256-{StyleHash}'; form-action {targets}; frame-ancestors 'none'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(
            $"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{Text(title)}</title><style>{Style}</style></head><body><main>{body}</main></body></html>",
            context.RequestAborted);
    }

    private static string Text(string value) => WebUtility.HtmlEncode(value);
}
