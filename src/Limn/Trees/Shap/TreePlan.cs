namespace Limn.Trees.Shap;

/// <summary>What a step does to the patterns of a block of rows.</summary>
internal enum StepKind : byte
{
    /// <summary>Sets a new bit in the rows that go left at a split.</summary>
    Decide,

    /// <summary>Takes the bit of a player that was met before to "not satisfied" in the rows that do not go to a child.</summary>
    Narrow,

    /// <summary>The patterns of a unit are complete.</summary>
    Look,
}

/// <summary>One step of a walk through a tree with a block of rows.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Node">The split; for <see cref="StepKind.Look"/> the unit.</param>
/// <param name="From">The level that patterns are taken from.</param>
/// <param name="To">The level that they are left in.</param>
/// <param name="Bit">The bit, as a number with that bit set.</param>
/// <param name="Left">For <see cref="StepKind.Narrow"/>: the child is the left one.</param>
/// <param name="High">For <see cref="StepKind.Narrow"/>: "not satisfied" is a set bit.</param>
internal readonly record struct Step(StepKind Kind, int Node, int From, int To, int Bit, bool Left, bool High);

/// <summary>A leaf of a unit: its players, and when their conditions hold.</summary>
/// <param name="Node">The leaf.</param>
/// <param name="Players">The distinct players on its path.</param>
/// <param name="Ratios">For each, the product of the cover ratios of its splits.</param>
/// <param name="Care">For each, the bits of a pattern that it depends on.</param>
/// <param name="Want">For each, what those bits are where the row satisfies all its splits.</param>
internal sealed record UnitLeaf(int Node, int[] Players, double[] Ratios, int[] Care, int[] Want);

/// <summary>
/// A leaf, or some neighbouring ones, whose contributions depend on the same few bits and so are tabulated together.
/// </summary>
/// <param name="Bits">The bits of its patterns.</param>
/// <param name="Players">The distinct players of its leaves, ascending.</param>
/// <param name="Leaves">Its leaves.</param>
internal sealed record Unit(int Bits, int[] Players, UnitLeaf[] Leaves);

/// <summary>How a tree is tabulated.</summary>
/// <param name="Tree">The tree.</param>
/// <param name="Steps">The walk that makes the patterns.</param>
/// <param name="Units">What they are looked up in.</param>
/// <param name="Levels">How many levels of patterns the walk needs.</param>
internal sealed record TreePlan(int Tree, Step[] Steps, Unit[] Units, int Levels);
