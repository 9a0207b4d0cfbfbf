namespace Postern.Gateway.Identities;

/// <summary>Which addresses the control plane may ask for keys and tokens.</summary>
internal static class Addresses
{
    /// <summary>https anywhere, http on this machine alone: keys that travel in the clear are anyone's keys.</summary>
    public static bool MayFetch(Uri address) =>
        address.IsAbsoluteUri && address.UserInfo.Length == 0
        && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback));
}
