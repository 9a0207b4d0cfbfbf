using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Gateway.Configuration;

/// <summary>A file of certificate authorities in PEM.</summary>
internal static class AuthoritiesFile
{
    /// <summary>The authorities in the file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="CryptographicException">It is not PEM.</exception>
    public static X509Certificate2Collection Read(string path)
    {
        var found = new X509Certificate2Collection();
        found.ImportFromPemFile(path);
        return found;
    }

    /// <summary>Why the file cannot be used; null when it can.</summary>
    public static string? Complaint(string path)
    {
        try
        {
            return Read(path).Count > 0 ? null : $"`{path}` holds no certificate; expected at least one in PEM";
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return unreadable is CryptographicException ? $"`{path}` is not PEM; expected certificates between BEGIN and END lines" : $"cannot read `{path}`: there is no such file, or no permission";
        }
    }
}
