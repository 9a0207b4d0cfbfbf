namespace Postern.Core.Policy;

/// <summary>Runs the tests that policy files hold.</summary>
public static class PolicyTests
{
}
