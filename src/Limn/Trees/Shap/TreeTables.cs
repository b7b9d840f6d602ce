namespace Limn.Trees.Shap;

/// <summary>Where a unit's tables lie.</summary>
/// <param name="Bits">The bits of a pattern; a column has 2^Bits entries, and at least 16.</param>
/// <param name="Column">Its first column.</param>
/// <param name="Columns">The number of its columns.</param>
/// <param name="Table">Where its first column begins.</param>
internal readonly record struct UnitTable(int Bits, int Column, int Columns, int Table)
{
    public int Size => Math.Max(1 << Bits, 16);
}

/// <summary>The tables of one tree.</summary>
/// <param name="Plan">How patterns are made.</param>
/// <param name="Units">The units of the plan.</param>
/// <param name="Slots">[columns] The slot that a column adds to.</param>
/// <param name="Table">All columns.</param>
internal sealed record TreeTables(TreePlan Plan, UnitTable[] Units, int[] Slots, float[] Table);
