using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>A number known when a kernel is compiled, so that what it rules out leaves no trace in the machine code: the type's size in bytes.</summary>
/// <remarks>
/// A size is known as soon as the compiler reads the kernel's code, so that it does not even read the branches that are ruled out. Of a static
/// property it learns the value when it has read everything, which makes compiling a register tile, mostly such branches, take several times as long.
/// </remarks>
internal interface ICount;

/// <summary>None. A type cannot be of size 0, so this one is told by itself, not by its size.</summary>
internal readonly struct N0 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 1)]
internal readonly struct N1 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 2)]
internal readonly struct N2 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 3)]
internal readonly struct N3 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 4)]
internal readonly struct N4 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 5)]
internal readonly struct N5 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 6)]
internal readonly struct N6 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 7)]
internal readonly struct N7 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 8)]
internal readonly struct N8 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 9)]
internal readonly struct N9 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 10)]
internal readonly struct N10 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 11)]
internal readonly struct N11 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 12)]
internal readonly struct N12 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 13)]
internal readonly struct N13 : ICount;

[StructLayout(LayoutKind.Sequential, Size = 14)]
internal readonly struct N14 : ICount;
