namespace Limn.Engine.Compilation;

internal enum SlotKind
{
    Feed,
    Constant,
    Computed,
}

/// <summary>What the compiler knows of one array of a plan.</summary>
internal sealed class SlotInfo(ElementType type, int[]? dims, SlotKind kind)
{
    public ElementType Type { get; } = type;

    /// <summary>The shape; null where it depends on data.</summary>
    public int[]? Dims { get; } = dims;

    public SlotKind Kind { get; } = kind;

    public NdArray? Constant { get; private init; }

    /// <summary>The slot of which this is the same memory under another shape; -1 for none.</summary>
    public int ViewOf { get; set; } = -1;

    public static SlotInfo Of(NdArray array) => new(array.Type, array.Dims.ToArray(), SlotKind.Constant) { Constant = array };
}
