namespace Limn.ClassActivation;

/// <summary>What the class-activation maps have in common in the table of methods.</summary>
internal static class MapOfLayer
{
    public const string NoAxioms = "It is a map over the positions of a layer, not a share for each element.";
}
