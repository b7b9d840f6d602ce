namespace Limn.Tests.Identities;

/// <summary>Says which of the exact identities a test proves; see <see cref="IdentityList"/>.</summary>
/// <param name="number">Its number in the list.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class IdentityAttribute(int number) : Attribute
{
    public int Number { get; } = number;
}
