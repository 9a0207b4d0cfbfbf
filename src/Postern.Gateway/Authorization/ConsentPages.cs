using Microsoft.AspNetCore.Http;
using Postern.Gateway.Identities;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Authorization;

/// <summary>The pages on which people say whether a program may act for them.</summary>
internal static class ConsentPages
{
    public const string RequestField = "request";
    public const string AnswerField = "answer";
    public const string RememberField = "remember";
    public const string Allow = "allow";
    public const string Deny = "deny";

    /// <summary>Asks. Everything that the client says of itself is shown as foreign text; what we know of it stands beside it.</summary>
    public static Task AskAsync(HttpContext context, OAuthClient client, AuthorizeRequest request, string path, string sealedRequest, string csrf)
    {
        var known = client.Origin switch
        {
            ClientOrigin.Configured => Html.Of($"<p>An administrator registered this program as <code>{client.Id}</code>.</p>"),
            ClientOrigin.Document => Html.Of($"<p>The name is its own claim. What is known: it is described by <code>{Html.Foreign(client.Id)}</code>, so it belongs to whoever runs <strong>{Html.Foreign(HostOf(client.Id))}</strong>.</p>"),
            _ => Html.Of($"<p class=\"warning\"><strong>Nothing is known of this program.</strong> It registered itself, and its name is its own claim.</p>"),
        };
        var where = request.Device is { } device
            ? Html.Of($"<p class=\"warning\"><strong>The program runs on another device.</strong> Go on only if it is in front of you and shows the code <code>{device[..4]}-{device[4..]}</code>. Nobody else has a reason to give you a code.</p>")
            : RedirectRules.IsLoopback(request.Redirect)
            ? Html.Of($"<p class=\"warning\"><strong>The answer goes to a program on this computer.</strong> Any program here could be the one that waits for it. Go on only if you started this sign-in yourself just now.</p>")
            : Html.Of($"<p>The answer goes to <strong>{Html.Foreign(HostOf(request.Redirect))}</strong>. Go on only if you came from there.</p>");
        var address = request.Device is null ? Html.Of($"<dl><dt>Exact return address</dt><dd><code>{Html.Foreign(request.Redirect)}</code></dd></dl>") : Html.Nothing;
        var remember = request.Device is null && client.IsSureAt(request.Redirect)
            ? Html.Of($"<p><label><input type=\"checkbox\" name=\"{RememberField}\" value=\"yes\"> Do not ask me again for this program, this address and this connection</label></p>")
            : Html.Nothing;
        return PageFrame.WriteAsync(context, StatusCodes.Status200OK, "May this program act for you?", Html.Of(
            $"""
            <h1>May “{Html.Foreign(client.Name)}” act for you?</h1>
            <p class="lead">It asks to use the connection <code>{path}</code> in your name. It can do there what the gateway's policy lets you do through it, and nothing else; every step is recorded.</p>
            {known}
            {where}
            {address}
            <p>If you say yes you sign in next.</p>
            <form method="post" action="{ServerMetadata.ConsentPath}">
            <input type="hidden" name="{RequestField}" value="{sealedRequest}">
            <input type="hidden" name="{IPageSession.CsrfField}" value="{csrf}">
            {remember}
            <p><button type="submit" name="{AnswerField}" value="{Deny}">No</button> <button class="primary" type="submit" name="{AnswerField}" value="{Allow}">Yes, sign in</button></p>
            </form>
            """));
    }

    /// <summary>
    /// Leaves the gateway after a form. A redirect would be stopped by the page's own form-action, and rightly; so the browser is told to
    /// go on by itself, and a link stands there for those that do not.
    /// </summary>
    public static Task LeaveAsync(HttpContext context, string title, string target)
    {
        context.Response.Headers["Refresh"] = $"0; url={target}";
        return PageFrame.WriteAsync(context, StatusCodes.Status200OK, title, Html.Of($"<h1>{title}</h1><p><a rel=\"noreferrer\" href=\"{target}\">Go on</a></p>"));
    }

    /// <summary>Asks which device.</summary>
    public static Task TypeAsync(HttpContext context, string? code, string? complaint) => PageFrame.WriteAsync(
        context, complaint is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest, "Connect a device", Html.Of(
            $"""
            <h1>Connect a device</h1>
            <p class="lead">{complaint ?? "Type the code that the other device shows."}</p>
            <form method="post" action="{ServerMetadata.DevicePath}">
            <p><label>Code <input type="text" name="user_code" autocomplete="off" maxlength="12" required value="{code}"></label></p>
            <p><button class="primary" type="submit">Go on</button></p>
            </form>
            """));

    /// <summary>Says one thing, and that is all.</summary>
    public static Task SayAsync(HttpContext context, string title, string sentence) => PageFrame.WriteAsync(context, StatusCodes.Status200OK, title, Html.Of($"<h1>{title}</h1><p class=\"lead\">{sentence}</p>"));

    /// <summary>Says why nothing was granted, where there is no client to send the person back to.</summary>
    public static Task RefuseAsync(HttpContext context, string sentence, int status = StatusCodes.Status400BadRequest) =>
        PageFrame.WriteAsync(context, status, "Not signed in", Html.Of($"<h1>Not signed in</h1><p class=\"lead\">{sentence}</p><p>Nothing was granted. Begin again in the program that sent you here.</p>"));

    // the text's own host: nothing is decoded on the way to people's eyes
    private static string HostOf(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) ? (uri.IsDefaultPort ? uri.IdnHost : $"{uri.IdnHost}:{uri.Port}") is { Length: > 0 } host ? host : $"{uri.Scheme}:" : address;
}
