# title: the customer of each large order, value by value
# workload: tpch
SELECT o.o_orderkey,
  (SELECT c.c_name FROM customer AS c WHERE c.c_custkey = o.o_custkey) AS name,
  (SELECT c.c_phone FROM customer AS c WHERE c.c_custkey = o.o_custkey) AS phone,
  (SELECT c.c_acctbal FROM customer AS c WHERE c.c_custkey = o.o_custkey) AS balance
FROM orders AS o WHERE o.o_totalprice > 200000;
