"""SHA-256 of the networks that ship: the tests check them, so that their loading need not.

After training shipped models anew, write what this prints in place of `SHIPPED`::

    sha256sum models/*/*.onnx | cut -d " " -f 1 | sort -u
"""

SHIPPED = frozenset(
    {
        "056614c945b4ddd7e6c72ffbb2bd3bbe28a69ea7429452f4460f1b468ddddfe4",
        "0b93e7df4df875bd2b65ebb68232475e43f07c8f5091bf51f77ea1965ba824e6",
        "0f9a83bacbeade3c1c7547bb9d700f344849fd7cbc2ba9dc77ce22102da1ae43",
        "1c2bcd55d0edd60a391fab939fee423a918baa236fafe1984e86bd2ad15899ac",
        "39a624871ad0fc75b0f464c6bb9271831d1290d818be6925e27da5b140ae00fd",
        "3daacd31834dd08f090d90eca82528ea6fb5796be17959b57d28f22111d6c6a2",
        "413a1872f2a6fbc8ba9424c0590ef123059f28def14de699dac6e32a8722a981",
        "559931d125e051d6f140f9bb60a63f7627efb3ff32791b1ed061ba86cda69c72",
        "60f59e4901b302fbe9e9ff7879ba480def3112f28211473049950b77b7b807ba",
        "74b29ae3cb91f0ace2d4f24d6387f8226a878a313dc4a942ec25f80592189585",
        "7f24fa848c21d89fcfeb6caa05c2dea55eef22db928286db9f2d4d7abcf68ba7",
        "8285052a6fe83956392275263aacbf1caaa6991c3d443109cb41b66f8f9786a3",
        "84b47651c0c3c55674c7cf9376dcfa0cdffbae5efbe20c17182cd6752e0aea4e",
        "865015f65295fd6381f0e82fa4ba3e5b7673fc7b30701a14f7d85a95dba92ba7",
        "8c3deba2a686619d88dbcea8c24094cbf7796911f2ecc27bf06136d196afb158",
        "967d4a4cc4d03baf97a750fe4d774fa7cf4c587c443a31a978dc7d2d5cb6960e",
        "9dc99a5f01eda1b1b0dee5dda00c9dcbc17fb5339c461ce7518c257d9706d608",
        "9ea4763d6ac04cb15a968728da288258405c9373a1c2be0f11ca6dac35a355b7",
        "a530714e00e9faec50ab5c11a2308ffdf75fa985cd092f7dd23291e7143316ee",
        "ae05f4df9f1fa95a2937147b7ff36d47ab97bf2e62834dc8f1ad45c19e2be809",
        "b2ac7a539e824b1dfbb1544795ba2b0bded7e8c070084d2eb2a168add674ba14",
        "d85d64c01b0e2e42c2cd664e4fa14f618d1c2e56d8cdcb32b56f7b6a178e1f10",
        "fa3bf3de0fce2f9a4400e2010592f1d3856592d025879de51cd9a5895046dcfc",
        "fd7ae33942026fe3b7a4b6ebd97764cc81f749dd2e1fc4e9e49a90af855c5ade",
        "fe32924c6879558602215dceb063be407a435bb2763124a14b144f434de2e3ad",
    }
)
