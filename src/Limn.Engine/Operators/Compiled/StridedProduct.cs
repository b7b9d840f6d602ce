namespace Limn.Engine.Operators.Compiled;

/// <summary>A stack of products alpha · op(A) · op(B) whose matrices lie anywhere in the operands: in parts of rows, or transposed. Inputs A and B.</summary>
internal sealed class StridedProduct(string name, StridedProductShape shape) : CompiledOperator(name)
{
    public StridedProductShape Shape => shape;

    public override void Execute(KernelContext context) =>
        Kernels.Gemm.MultiplyBatched(
            shape.A.IsTransposed, shape.B.IsTransposed, shape.Rows, shape.Columns, shape.Depth, shape.Alpha, context.Floats(0), shape.A.Leading, shape.A.Offsets,
            context.Floats(1), shape.B.Leading, shape.B.Offsets, 0, context.OutputFloats(), shape.C.Leading, shape.C.Offsets, context.Workers);
}

/// <summary>Where the matrices of a stack lie.</summary>
/// <param name="IsTransposed">Whether they are stored transposed.</param>
/// <param name="Leading">Floats from one stored row to the next.</param>
/// <param name="Offsets">Where each starts.</param>
internal sealed record MatrixStack(bool IsTransposed, int Leading, int[] Offsets);

internal sealed record StridedProductShape(int Rows, int Columns, int Depth, float Alpha, MatrixStack A, MatrixStack B, MatrixStack C);
